"""The dummy server's Socket.IO handlers: events in, events out. Other modules take the decisions.

`dispatch.py` assigns commands to nodes, `ledger.py` knows the connections that follow a run,
`wire.py` reads and builds messages, `questions.py` forwards questions to the node. The contract
(default namespace, every payload JSON):

from an emitter
  command_request ANYTHING        ack {accepted, state: forwarded|kept|refused|unknown, run_id,
                                  reason, status}
  watch_request {run_id}          ack {known, status: the last run_status or null}, or
                                  {known: false, reason}
from the node
  node_connection_request {name, version, takes} or nothing      ack {accepted: true}
  run_status {run_id, status, time, cause, detail, advice}
  run_result {run_id, status, exit_code, log, log_truncated, output, cause, detail, advice,
              timeline}           ack of both {received: true}, or {received: false, reason}
  command_rejected                logged only: the ack of `command` says the same
  (from other connections all three are refused, and so is another node's run: reporters.py)
to the node
  command ANYTHING                ack {accepted: true, status} or {accepted: false, reason}
  command ANYTHING, {poster}      the same, to a node that `takes` ["poster"]: a name for the
                                  poster's connection, so that posters can take turns
to the connections that posted or watch a run
  run_status, run_result          as the node sent them, the result once to each connection
  command_rejected {run_id, reason}   once per refused command

questions.py documents emitters' questions to the node (list, status, log, kill, result, output).

The log gets one line per event, never a payload's contents, and never a reason, which may quote
the contents.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

from dispatch import Command, Dispatch, Notice, QueueFullError
from ledger import Holder, Ledger
from questions import Questions
from reporters import NO_NODE, problem_with_reporter
from transport import Emitter, pseudonym, short
from wire import (
    CommandState,
    Outcome,
    command_ack,
    given_run_id,
    no_answer,
    node_answer,
    problem_with_message,
    problem_with_report,
    run_id_of,
    single_argument,
    size_in_bytes,
)

ANSWER_TIMEOUT_S = 30.0
MAX_NAME = 253
KEPT = Outcome(CommandState.KEPT)
log = logging.getLogger("dummy-server")


class Relay:
    """Carry commands to the node, and carry reports back to the connections that want them."""

    def __init__(self, sio: Emitter, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._sio = sio
        self._answer_timeout_s = answer_timeout_s
        self._dispatch = Dispatch()
        self._ledger = Ledger()
        self._questions = Questions(sio, self._dispatch, self._ledger, self, answer_timeout_s)
        self._posters: dict[int, asyncio.Future[Outcome]] = {}
        self._shown_posters: set[str] = set()
        self._handing_over = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def register(self) -> None:
        """Attach the handlers to the Socket.IO server."""
        for event, handler in {
            "connect": self._on_connect,
            "disconnect": self._on_disconnect,
            "command_request": self._on_command_request,
            "watch_request": self._on_watch_request,
            "node_connection_request": self._on_node_connection_request,
            "run_status": self._on_run_status,
            "run_result": self._on_run_result,
            "command_rejected": self._on_command_rejected,
            "*": self._on_unknown_event,
        }.items():
            self._sio.on(event, handler)
        self._questions.register()

    # -- connections

    async def _on_connect(self, sid: str, *_: Any) -> None:
        log.info("connected: %s", short(sid))

    async def _on_disconnect(self, sid: str, *_: Any) -> None:
        self._ledger.forget_connection(sid)
        self._shown_posters.discard(sid)
        was_node = self._dispatch.remove(sid)
        self._questions.node_left(sid)
        if was_node:
            self._promise_all()
        log.info("disconnected: %s%s", short(sid), " (the active node)" if was_node else "")
        if was_node and self._dispatch.node:
            log.info("the next node takes over: %s", short(self._dispatch.node))
            await self.hand_over()

    async def _on_node_connection_request(self, sid: str, *args: Any) -> dict[str, Any]:
        who = single_argument(args)
        name = who.get("name") if isinstance(who, dict) else None
        version = who.get("version") if isinstance(who, dict) else None
        takes = who.get("takes") if isinstance(who, dict) else None
        if isinstance(takes, list) and "poster" in takes:
            self._shown_posters.add(sid)
        self._dispatch.add_node(sid, name[:MAX_NAME] if isinstance(name, str) else "")
        role = "active" if self._dispatch.node == sid else "stand-by"
        kept = self._dispatch.kept
        log.info(
            "node %s registered: name %.80r, version %.40r, %s, %d kept commands",
            *(short(sid), name, version, role, kept),
        )
        # Not awaited: the node gets the acknowledgement first, then the commands.
        asyncio.get_running_loop().call_soon(self._start_hand_over)
        return {"accepted": True}

    # -- commands

    async def _on_command_request(self, sid: str, *args: Any) -> dict[str, Any]:
        payload = single_argument(args)
        run_id = run_id_of(payload)
        if (problem := problem_with_message(payload)) is not None:
            log.warning("command_request run %s from %s: %s", run_id, short(sid), problem)
            await self._emit_rejection(sid, payload, problem)
            return command_ack(payload, Outcome(CommandState.REFUSED, reason=problem))
        try:
            command = self._dispatch.accept(sid, payload, run_id, size_in_bytes(payload))
        except QueueFullError as error:
            log.warning("command_request run %s from %s: refused, queue full", run_id, short(sid))
            await self._emit_rejection(sid, payload, str(error))
            return command_ack(payload, Outcome(CommandState.REFUSED, reason=str(error)))
        if run_id is not None:
            self._ledger.post(sid, run_id)
        outcome = await self._outcome_of(command)
        if outcome.state is CommandState.REFUSED:
            await self._reject(command, outcome)
        log.info("command_request run %s from %s: %s", run_id, short(sid), outcome.state.value)
        return command_ack(payload, outcome)

    async def _outcome_of(self, command: Command) -> Outcome:
        if self._dispatch.node is None:
            self._dispatch.promise(command.number)
            return KEPT
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._posters[command.number] = future
        await self.hand_over()
        return await future

    def _promise_all(self) -> None:
        """Tell all posters that wait for the node's answer that their command is kept instead."""
        for number in list(self._posters):
            self._dispatch.promise(number)
            self._tell(number, KEPT)

    def _start_hand_over(self) -> None:
        task = asyncio.ensure_future(self.hand_over())
        # asyncio itself keeps only a weak reference to a running task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def hand_over(self) -> None:
        """Send the waiting commands to the node, in order, without waiting for the answers."""
        loop = asyncio.get_running_loop()
        async with self._handing_over:
            while (step := self._dispatch.hand_over()) is not None:
                node, command = step
                if command.run_id is not None:
                    self._note_at_node(command.run_id, node)
                loop.call_later(self._answer_timeout_s, self._on_silence, command.number)
                answered = partial(self._on_answer, command.number)
                # In a tuple: Socket.IO would send a bare null as "no argument at all".
                arguments: tuple[Any, ...] = (command.payload,)
                if node in self._shown_posters:
                    arguments = (command.payload, {"poster": pseudonym(command.poster)})
                await self._sio.emit("command", arguments, to=node, callback=answered)

    async def _on_answer(self, number: int, *args: Any) -> None:
        settled = self._dispatch.answered(number)
        if settled is None:
            return
        command, notice = settled
        outcome = node_answer(args)
        if notice is Notice.NOTHING:
            self._tell(number, outcome)
            return
        log.info("answer for run %s after %s: %s", command.run_id, notice.name, outcome.state.value)
        if outcome.state is CommandState.REFUSED:
            await self._reject(command, outcome)

    def _on_silence(self, number: int) -> None:
        silent = self._dispatch.silent(number)
        if silent is None:
            return
        command, notice = silent
        log.warning("run %s: the node did not answer the command in time", command.run_id)
        if notice is Notice.NOTHING:
            self._tell(number, no_answer(self._answer_timeout_s))
        else:
            self._start_hand_over()

    def _tell(self, number: int, outcome: Outcome) -> None:
        future = self._posters.pop(number, None)
        if future is not None and not future.done():
            future.set_result(outcome)

    async def _reject(self, command: Command, outcome: Outcome) -> None:
        if command.run_id is not None:
            self._ledger.withdraw(command.poster, command.run_id)
        await self._emit_rejection(command.poster, command.payload, outcome.reason)

    async def _emit_rejection(self, poster: str, payload: Any, reason: str | None) -> None:
        event = {"run_id": given_run_id(payload), "reason": reason}
        await self._sio.emit("command_rejected", (event,), to=poster)

    # -- runs

    async def _on_watch_request(self, sid: str, *args: Any) -> dict[str, Any]:
        run_id = run_id_of(single_argument(args))
        if run_id is None:
            log.info("watch_request from %s: bad payload", short(sid))
            return {"known": False, "reason": "the payload must be {run_id: a whole number}"}
        answer = self._ledger.watch(sid, run_id)
        log.info("watch_request run %s from %s: known %s", run_id, short(sid), answer.known)
        if answer.result is not None:
            await self._sio.emit("run_result", (answer.result,), to=sid)
        return {"known": answer.known, "status": answer.status}

    async def _on_run_status(self, sid: str, *args: Any) -> dict[str, Any]:
        payload = single_argument(args)
        if (problem := self._problem_with("run_status", sid, payload)) is not None:
            return {"received": False, "reason": problem}
        hearers = self._ledger.record_status(payload["run_id"], payload)
        self._note_at_node(payload["run_id"], sid)
        await self.forward("run_status", payload, hearers)
        return {"received": True}

    async def _on_run_result(self, sid: str, *args: Any) -> dict[str, Any]:
        payload = single_argument(args)
        if (problem := self._problem_with("run_result", sid, payload)) is not None:
            return {"received": False, "reason": problem}
        hearers = self._ledger.record_result(payload["run_id"], payload, size_in_bytes(payload))
        self._note_at_node(payload["run_id"], sid)
        await self.forward("run_result", payload, hearers)
        return {"received": True}

    def _problem_with(self, event: str, sid: str, payload: Any) -> str | None:
        """Return and log why a report is refused; None for an accepted report."""
        problem = problem_with_report(payload) or problem_with_message(payload)
        if self._dispatch.name_of(sid) is None:
            problem = NO_NODE  # a connection that is no node learns nothing else
        elif problem is None:
            problem = problem_with_reporter(sid, payload["run_id"], self._dispatch, self._ledger)
        if problem is not None:
            log.warning("%s run %s from %s: %s", event, run_id_of(payload), short(sid), problem)
        return problem

    def _note_at_node(self, run_id: int, sid: str) -> None:
        self._ledger.note_at_node(run_id, Holder(sid, self._dispatch.name_of(sid) or ""))

    async def forward(self, event: str, payload: dict[str, Any], to: tuple[str, ...]) -> None:
        """Send an event about a run to these connections."""
        status, run_id = payload.get("status"), payload["run_id"]
        log.info("%s run %s: %.40r, to %d who asked", event, run_id, status, len(to))
        for sid in to:
            await self._sio.emit(event, (payload,), to=sid)

    # -- the rest

    async def _on_command_rejected(self, sid: str, *args: Any) -> dict[str, Any]:
        run_id = run_id_of(single_argument(args))
        if self._dispatch.name_of(sid) is None:
            log.warning("command_rejected run %s from %s: %s", run_id, short(sid), NO_NODE)
            return {"received": False, "reason": NO_NODE}
        log.info("command_rejected run %s from %s (the ack tells the poster)", run_id, short(sid))
        return {"received": True}

    async def _on_unknown_event(self, event: str, sid: str = "", *_: Any) -> dict[str, Any]:
        log.warning("unknown event %.60r from %s: ignored", event, short(sid))
        return {"accepted": False, "reason": "the server does not know this event"}
