"""What a vantage6 server is told of runs: PATCHes that erase nothing, and events beside them.

A PATCH sets log, result and end of a run to nothing where it leaves them out. So every PATCH has
the log so far, and the last one has all at once. Each has the time when the run began, too, so that
none is needed for that alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from node_poc.protocol.vantage6.errors import RefusedError, UnreachableError
from node_poc.protocol.vantage6.origin import RunOrigin
from node_poc.protocol.vantage6.outgoing.logs import RunLogs, clean, failure_text
from node_poc.protocol.vantage6.outgoing.patches import Patches
from node_poc.protocol.vantage6.outgoing.results import Results
from node_poc.protocol.vantage6.outgoing.send_queue import Outbox
from node_poc.protocol.vantage6.same_run import SameRuns
from node_poc.protocol.vantage6.server_access import Line
from node_poc.protocol.wire import iso_time
from node_poc.runs.model import Run, RunResult
from node_poc.runs.ports import Control
from node_poc.runs.status import RunStatus

log = structlog.get_logger(__name__)

_GONE = 404
# A status waits in case another overtakes it: a short run is told to the server once, at its end.
_BEGIN_SECONDS = 2.0
_ACTIVE_SECONDS = 1.0
# The server shows already that the run was taken up.
_NEXT_SECONDS = 3.0


class Reports:
    """Tells the server of runs. Every call returns at once; the outbox sends."""

    def __init__(self, line: Line, outbox: Outbox, control: Control, logs: RunLogs) -> None:
        """``logs`` reads and streams, ``outbox`` sends; both are started by others."""
        self._outbox = outbox
        self._control = control
        self._logs = logs
        self.same = SameRuns(line.rest, control)
        self._patches = Patches(line)
        self._results = Results(line, control, logs, self.same, self._patches)
        self._lock = threading.Lock()
        self._owed: set[int] = set()
        self._told: dict[int, RunStatus] = {}

    def status(self, run: Run) -> None:
        """Tell how a run is, soon, unless its next status comes before."""
        if run.status.is_final:
            return
        told = self._told.get(run.run_id)
        if told is None:
            wait = _ACTIVE_SECONDS if run.status is RunStatus.ACTIVE else _BEGIN_SECONDS
        elif run.failure is not None:
            wait = 0.0
        elif told is not run.status:
            wait = _NEXT_SECONDS
        else:
            return
        send = self._outbox.put
        send(run.run_id, lambda: self._send_status(run), must=False, wait_seconds=wait)

    def result(self, result: RunResult, acknowledged: Callable[[], None]) -> None:
        """Bring a result to the server; ``acknowledged`` is called once it has it."""
        run_id = result.run_id
        with self._lock:
            if run_id in self._owed:
                return  # it is on its way
            self._owed.add(run_id)

        def send() -> None:
            try:
                self._results.send(result)
            except UnreachableError:
                # Whether the server has it is not known; it may be deleted and its number be given
                # to another run before the next try.
                self.same.doubt((run_id,))
                raise
            except Exception:
                self._no_longer_owed(run_id)
                raise
            self._no_longer_owed(run_id)
            self.same.doubt((run_id,))
            acknowledged()

        self._outbox.put(run_id, send, must=True)

    def refuse(self, run_id: int, facts: RunOrigin | None, status: RunStatus, reason: str) -> None:
        """End a run at the server that never started here."""
        log.warning("run refused", run_id=run_id, status=status.value, reason=reason)
        now = time.time() if facts is None else facts.not_before_assigned(time.time())
        body = {
            "status": status.value,
            "log": clean(f"[node] {reason}"),
            "finished_at": str(iso_time(now)),
        }

        def send() -> None:
            # Deleted meanwhile, it may have left its number to another run.
            if self.same.is_there(run_id, facts):
                self.same.doubt((run_id,))
                self._patches.send(run_id, facts, body)

        self._outbox.put(run_id, send, must=True)

    # --- in the outbox's threads

    def _send_status(self, run: Run) -> None:
        run_id, facts = run.run_id, self.same.facts(run.run_id)
        if facts is None or not self.same.is_there(run_id, facts):
            return
        body = {
            "status": run.status.value,
            "started_at": str(iso_time(facts.not_before_assigned(run.received_at))),
        }
        if run.status is RunStatus.ACTIVE:
            body["log"] = self._logs.begin(run_id, facts.task_id)
        elif run.failure is not None:
            body["log"] = clean(failure_text(run.failure))
        try:
            is_open = self._patches.send(run_id, facts, body)
        except RefusedError as error:
            if error.status != _GONE:
                raise
            is_open = False
        if is_open:
            self._told[run_id] = run.status
            return
        # Killed, failed by a sibling, or deleted: nobody waits for its result.
        log.info("run has ended at the server: it is killed here", run_id=run_id)
        self._control.kill((run_id,))

    def _no_longer_owed(self, run_id: int) -> None:
        self._results.forget(run_id)
        self._told.pop(run_id, None)
        with self._lock:
            self._owed.discard(run_id)
