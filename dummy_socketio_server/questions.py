"""Questions of emitters to the node: the server forwards each question and returns the answer.

    from an emitter                              to the node, and the acknowledgement of both
    list_request {}                              list    {runs: [summary, ...], more}, newest first
    status_request {run_id}                      status  {run: summary}
    log_request {run_id, offset}                 log     {text, next_offset, ended}
    kill_request {run_ids: [...]} or {all: true} kill    {outcomes: [{run_id, outcome, status}]}
    result_request {run_id}                      result  {result: the payload of run_result}
    output_request {run_id, path, offset}        output  {data, next_offset, size}

The acknowledgement is {error: why and what to do} if the node reports an error, or if the server
must: if there is no node, if the node disconnects, is silent or answers with anything but an
object, or if the question is not an object. A summary holds run_id, status, image, position (in the
node's queue, 1 is next, or null), received, job_created, started, ended (ISO, UTC, or null), cause,
detail, advice and delivered. offset, next_offset and size are in bytes, data is base64 of at most
512 KiB, outcome is killed, already ended or unknown; more is the number of older runs that did not
fit.

While no node is connected, the server itself kills commands that no node ever had (kept_kills.py).
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any, Protocol

from dispatch import Command, Dispatch
from kept_kills import kill_kept, killed_result, killed_status
from ledger import Ledger
from transport import Emitter, short
from wire import (
    given_run_id,
    no_node,
    problem_with_message,
    run_id_of,
    single_argument,
    size_in_bytes,
)

QUESTIONS = {
    "list_request": "list",
    "status_request": "status",
    "log_request": "log",
    "kill_request": "kill",
    "result_request": "result",
    "output_request": "output",
}
WENT_AWAY = (
    "the node went away before it answered; ask again once it is back, it may have done what was "
    "asked"
)
NOT_UNDERSTOOD = (
    "the node's answer is not an object; if the node is older than the server, it does not know "
    "the question: update the node"
)
NOT_AN_OBJECT = "the payload must be an object, for example {run_id: 7}; send one"
log = logging.getLogger("dummy-server")


class Carrier(Protocol):
    """The part of the relay that this module needs."""

    async def hand_over(self) -> None:
        """Send the waiting commands to the node."""

    async def forward(self, event: str, payload: dict[str, Any], to: tuple[str, ...]) -> None:
        """Send an event about a run to these connections."""


class Questions:
    """Forward emitters' questions to the node, and kill commands that only the server has."""

    def __init__(
        self,
        sio: Emitter,
        dispatch: Dispatch,
        ledger: Ledger,
        carrier: Carrier,
        answer_timeout_s: float,
    ) -> None:
        self._sio = sio
        self._dispatch = dispatch
        self._ledger = ledger
        self._carrier = carrier
        self._answer_timeout_s = answer_timeout_s
        self._asked: dict[asyncio.Future[dict[str, Any]], str] = {}

    def register(self) -> None:
        """Attach the handlers to the Socket.IO server."""
        for event in QUESTIONS:
            self._sio.on(event, partial(self._on_question, event))

    def node_left(self, sid: str) -> None:
        """Tell all emitters with an open question to this connection that no answer will come."""
        for future, node in list(self._asked.items()):
            if node == sid:
                _settle(future, {"error": WENT_AWAY})

    async def _on_question(self, event: str, sid: str, *args: Any) -> dict[str, Any]:
        payload = single_argument(args)
        answer = await self._answer(event, payload)
        how = "an error" if "error" in answer else "answered"
        log.info("%s run %s from %s: %s", event, run_id_of(payload), short(sid), how)
        return answer

    async def _answer(self, event: str, payload: Any) -> dict[str, Any]:
        if not isinstance(payload, dict):
            return {"error": NOT_AN_OBJECT}
        if (problem := problem_with_message(payload)) is not None:
            return {"error": problem}
        if event == "kill_request":
            if self._dispatch.node is None:
                return await self._kill_here(payload)
            await self._carrier.hand_over()  # or a kill could overtake the command of its run
        return await self._ask_node(QUESTIONS[event], payload)

    async def _ask_node(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        node = self._dispatch.node
        if node is None:
            return {"error": no_node()}
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[future] = node

        async def on_answer(*args: Any) -> None:
            _settle(future, readable(args))

        try:
            async with asyncio.timeout(self._answer_timeout_s):
                await self._sio.emit(event, (payload,), to=node, callback=on_answer)
                return await future
        except TimeoutError:
            return {"error": no_answer_in(self._answer_timeout_s)}
        finally:
            del self._asked[future]

    async def _kill_here(self, payload: dict[str, Any]) -> dict[str, Any]:
        killed, answer = kill_kept(payload, self._dispatch, self._ledger)
        given: set[int] = set()
        for command in killed:
            if command.run_id is None:
                await self._reject(command)
            elif command.run_id not in given:
                given.add(command.run_id)
                await self._tell_killed(command.run_id)
        return answer

    async def _tell_killed(self, run_id: int) -> None:
        status, result = killed_status(run_id), killed_result(run_id)
        await self._carrier.forward(
            "run_status", status, self._ledger.record_status(run_id, status)
        )
        hearers = self._ledger.record_result(run_id, result, size_in_bytes(result))
        await self._carrier.forward("run_result", result, hearers)

    async def _reject(self, command: Command) -> None:
        event = {"run_id": given_run_id(command.payload), "reason": "killed by user"}
        await self._sio.emit("command_rejected", (event,), to=command.poster)


def readable(args: tuple[Any, ...]) -> dict[str, Any]:
    """Return the node's answer if the answer is a valid object, or else an error."""
    answer = single_argument(args)
    if not isinstance(answer, dict):
        return {"error": NOT_UNDERSTOOD}
    problem = problem_with_message(answer)
    return answer if problem is None else {"error": f"the node's answer: {problem}"}


def no_answer_in(seconds: float) -> str:
    """Return the error text for a connected node that does not answer."""
    return (
        f"the node is connected but did not answer within {seconds:g} s; ask again, and if it "
        "stays silent look at the node's log"
    )


def _settle(future: asyncio.Future[dict[str, Any]], answer: dict[str, Any]) -> None:
    if not future.done():
        future.set_result(answer)
