"""Reports runs to a vantage6 server with PATCHes that erase nothing, and with events.

The server erases a run's log, result and end time if a PATCH leaves them out. Every PATCH therefore
carries the log so far, and the last PATCH carries everything. Each PATCH also carries the start
time of the run, which saves a separate PATCH.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

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
from node_poc.runs.ports import KnownRuns, ResultFiles, RunKiller
from node_poc.runs.status import RunStatus

log = structlog.get_logger(__name__)

_GONE = 404
# A status waits for a newer status to replace it: a short run needs only the report of its end.
_BEGIN_SECONDS = 2.0
_ACTIVE_SECONDS = 1.0
# The wait of later statuses: the server shows already that the node has taken the run.
_NEXT_SECONDS = 3.0


class ReportsControl(RunKiller, KnownRuns, ResultFiles, Protocol):
    """The requests of ``Reports`` and its parts to the node."""


class Reports:
    """Reports runs to the server. Every call returns at once; the outbox sends."""

    def __init__(self, line: Line, outbox: Outbox, control: ReportsControl, logs: RunLogs) -> None:
        """The caller starts ``logs``, which reads and streams, and ``outbox``, which sends."""
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
        """Report a run's status soon, unless the next status comes earlier."""
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
        """Send a result; call ``acknowledged`` once the server has the result."""
        run_id = result.run_id
        with self._lock:
            if run_id in self._owed:
                return  # the result is on its way
            self._owed.add(run_id)

        def send() -> None:
            try:
                self._results.send(result)
            except UnreachableError:
                # The server may have the result or not. Before the next try the run may be deleted,
                # and its id be given to another run.
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
        """End a run at the server, with a reason; the run never started here."""
        log.warning("run refused", run_id=run_id, status=status.value, reason=reason)
        now = time.time() if facts is None else facts.not_before_assigned(time.time())
        body = {
            "status": status.value,
            "log": clean(f"[node] {reason}"),
            "finished_at": str(iso_time(now)),
        }

        def send() -> None:
            # The run may be deleted by now, and its id may belong to another run.
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
        # The run was killed, failed because of a sibling, or was deleted: nobody needs its result.
        log.info("run has ended at the server: it is killed here", run_id=run_id)
        self._control.kill((run_id,))

    def _no_longer_owed(self, run_id: int) -> None:
        self._results.forget(run_id)
        self._told.pop(run_id, None)
        with self._lock:
            self._owed.discard(run_id)
