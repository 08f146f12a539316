"""The dummy server's memory of runs, and the connections that want news of each run.

Pure, no I/O, no clock. "Connection" always means Socket.IO's session id. A connection asks for a
run by posting a command for the run or by watching the run. The connection then gets every status,
and the result once.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Any

MAX_RESULTS = 1_000
# A result may carry 5 MB of log, so the sum of all results is limited too.
MAX_RESULT_BYTES = 256_000_000
MAX_OPEN_RUNS = 50_000
# Runs that were watched and never posted have their own limit, or watching could push out real
# runs.
MAX_ASKED_RUNS = 50_000


@dataclass(frozen=True)
class Holder:
    """The node that has a run: the node's connection, and the name that the node registered."""

    sid: str
    name: str


@dataclass(frozen=True)
class Answer:
    """The answer to a watch: whether the run is known, the last status, a result to send now."""

    known: bool
    status: dict[str, Any] | None
    result: dict[str, Any] | None


@dataclass
class _Run:
    posts: int = 0
    holder: Holder | None = None
    askers: Counter[str] = field(default_factory=Counter)
    served: set[str] = field(default_factory=set)
    status: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    result_bytes: int = 0

    @property
    def known(self) -> bool:
        return self.posts > 0 or self.status is not None or self.result is not None


class Ledger:
    """The runs in memory: open runs, and the last finished runs with their results."""

    def __init__(
        self,
        max_results: int = MAX_RESULTS,
        max_result_bytes: int = MAX_RESULT_BYTES,
        max_open: int = MAX_OPEN_RUNS,
        max_asked: int = MAX_ASKED_RUNS,
    ) -> None:
        self._max_results = max_results
        self._max_result_bytes = max_result_bytes
        self._max_open = max_open
        self._max_asked = max_asked
        self._asked: OrderedDict[int, _Run] = OrderedDict()
        self._open: OrderedDict[int, _Run] = OrderedDict()
        self._finished: OrderedDict[int, _Run] = OrderedDict()
        self._result_bytes = 0
        self._asked_by: defaultdict[str, set[int]] = defaultdict(set)

    def post(self, sid: str, run_id: int) -> None:
        """Note that a connection posted a command for the run and so wants the run's events."""
        run = self._known_run(run_id)
        run.posts += 1
        self._ask(sid, run_id, run)

    def note_at_node(self, run_id: int, holder: Holder) -> None:
        """Note that a node got a command for the run, or reported on the run."""
        run = self._find(run_id)
        if run is not None:
            run.holder = holder

    def holder(self, run_id: int) -> Holder | None:
        """Return the node that has the run, or had the run last; None if no node is known to."""
        run = self._find(run_id)
        return run.holder if run is not None else None

    def may_be_at_node(self, run_id: int) -> bool:
        """Return whether a node may know the run."""
        return self.holder(run_id) is not None

    def result(self, run_id: int) -> dict[str, Any] | None:
        """Return the run's result, None if there is no result or the result was dropped."""
        run = self._find(run_id)
        return run.result if run is not None else None

    def withdraw(self, sid: str, run_id: int) -> None:
        """Undo one `post`, because the command was refused.

        Posts are counted, not flagged: the refusal of a second command must not cut off the
        connection that posted an accepted first command.
        """
        run = self._find(run_id)
        if run is None:
            return
        run.posts = max(0, run.posts - 1)
        run.holder = run.holder if run.known else None
        run.askers[sid] -= 1
        if run.askers[sid] <= 0:
            del run.askers[sid]
            self._asked_by.get(sid, set()).discard(run_id)
        if not run.known and self._open.pop(run_id, None) is not None:
            self._asked[run_id] = run
        self._forget_if_empty(run_id, run)

    def watch(self, sid: str, run_id: int) -> Answer:
        """Subscribe a connection to a run and return the known state of the run.

        The answer holds a result only if the connection has not had the result yet.
        """
        run = self._run(run_id)
        self._ask(sid, run_id, run)
        result = None
        if run.result is not None and sid not in run.served:
            run.served.add(sid)
            result = run.result
        return Answer(run.known, run.status, result)

    def record_status(self, run_id: int, status: dict[str, Any]) -> tuple[str, ...]:
        """Remember a status; return the connections that should get the status."""
        run = self._known_run(run_id)
        run.status = status
        return tuple(run.askers)

    def record_result(
        self, run_id: int, result: dict[str, Any], size_bytes: int
    ) -> tuple[str, ...]:
        """Remember a result; return the connections that should get the result and have not yet."""
        run = self._known_run(run_id)
        self._open.pop(run_id, None)
        self._finished[run_id] = run
        self._finished.move_to_end(run_id)
        self._result_bytes += size_bytes - run.result_bytes
        run.result, run.result_bytes = result, size_bytes
        hearers = tuple(sid for sid in run.askers if sid not in run.served)
        run.served.update(hearers)
        self._shrink()
        return hearers

    def forget_connection(self, sid: str) -> None:
        """Drop the requests of a lost connection."""
        for run_id in self._asked_by.pop(sid, set()):
            run = self._find(run_id)
            if run is not None:
                del run.askers[sid]
                run.served.discard(sid)
                self._forget_if_empty(run_id, run)

    def _find(self, run_id: int) -> _Run | None:
        return self._open.get(run_id) or self._finished.get(run_id) or self._asked.get(run_id)

    def _run(self, run_id: int) -> _Run:
        run = self._find(run_id)
        if run is None:
            run = self._asked[run_id] = _Run()
            self._shrink()
        return run

    def _known_run(self, run_id: int) -> _Run:
        """Return a run for which the server has a post, a status or a result, not only a watch."""
        run = self._asked.pop(run_id, None) or self._find(run_id) or _Run()
        if run_id not in self._finished and run_id not in self._open:
            self._open[run_id] = run
            self._shrink()
        return run

    def _ask(self, sid: str, run_id: int, run: _Run) -> None:
        run.askers[sid] += 1
        self._asked_by[sid].add(run_id)

    def _forget_if_empty(self, run_id: int, run: _Run) -> None:
        if not run.known and not run.askers:
            self._open.pop(run_id, None)
            self._asked.pop(run_id, None)

    def _shrink(self) -> None:
        while len(self._asked) > self._max_asked:
            self._release(*self._asked.popitem(last=False))
        while len(self._open) > self._max_open:
            self._release(*self._open.popitem(last=False))
        while len(self._finished) > self._max_results or (
            self._result_bytes > self._max_result_bytes and len(self._finished) > 1
        ):
            self._release(*self._finished.popitem(last=False))

    def _release(self, run_id: int, run: _Run) -> None:
        self._result_bytes -= run.result_bytes
        for sid in run.askers:
            self._asked_by[sid].discard(run_id)
