"""Reports runs to a vantage6 server with PATCHes that erase nothing, and with events.

The server erases a run's log, result and end time if a PATCH leaves them out. Every PATCH therefore
carries the log so far, and the last PATCH carries everything. Each PATCH also carries the start
time of the run, which saves a separate PATCH.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

import structlog

from node_poc.protocol.vantage6.control import ReportsControl
from node_poc.protocol.vantage6.errors import RefusedByServerError, UnreachableError
from node_poc.protocol.vantage6.origin import RunOrigin
from node_poc.protocol.vantage6.outgoing.logs import RunLogs, clean, failure_text
from node_poc.protocol.vantage6.outgoing.patches import Patches
from node_poc.protocol.vantage6.outgoing.results import ResultSender
from node_poc.protocol.vantage6.outgoing.send_queue import SendQueue
from node_poc.protocol.vantage6.same_run import SameRuns
from node_poc.protocol.wire import iso_time
from node_poc.runs.model import Run, RunResult
from node_poc.runs.ports import Answer
from node_poc.runs.status import RunStatus

log = structlog.get_logger(__name__)

_GONE = 404
# A status waits for a newer status to replace it: a short run needs only the report of its end.
_BEGIN_SECONDS = 2.0
_ACTIVE_SECONDS = 1.0
# The wait of later statuses: the server shows already that the node has taken the run.
_NEXT_SECONDS = 3.0
# In a burst pods start slowly, and the server is busy: with more than this many runs the waits grow
# in proportion to the runs, up to a factor.
_FEW_RUNS = 4
_LONGEST_FACTOR = 5.0


class Reports:
    """Reports runs to the server. Every call returns at once; the send queue sends."""

    def __init__(
        self,
        send_queue: SendQueue,
        control: ReportsControl,
        logs: RunLogs,
        same_runs: SameRuns,
        patches: Patches,
        result_sender: ResultSender,
    ) -> None:
        """The caller starts ``logs``, which reads and streams, and ``send_queue``, which sends."""
        self._send_queue = send_queue
        self._control = control
        self._logs = logs
        self._same_runs = same_runs
        self._patches = patches
        self._result_sender = result_sender
        self._lock = threading.Lock()
        self._unsent: set[int] = set()
        self._reported: dict[int, RunStatus] = {}
        self._going: set[int] = set()  # runs with a status, without a result

    def report_status(self, run: Run) -> None:
        """Report a run's status soon, unless the next status comes earlier."""
        if run.status.is_final:
            return
        self._going.add(run.run_id)
        reported = self._reported.get(run.run_id)
        if reported is None:
            wait = _ACTIVE_SECONDS if run.status is RunStatus.ACTIVE else _BEGIN_SECONDS
        elif run.failure is not None:
            wait = 0.0
        elif reported is not run.status:
            wait = _NEXT_SECONDS
        else:
            return
        wait *= min(max(1.0, len(self._going) / _FEW_RUNS), _LONGEST_FACTOR)
        send = self._send_queue.put
        send(run.run_id, lambda: self._send_status(run), must=False, wait_seconds=wait)

    def report_result(self, result: RunResult, acknowledged: Callable[[], None]) -> None:
        """Send a result; call ``acknowledged`` once the server has the result."""
        run_id = result.run_id
        self._going.discard(run_id)
        with self._lock:
            if run_id in self._unsent:
                return  # the result is on its way
            self._unsent.add(run_id)

        def send() -> None:
            try:
                self._result_sender.send(result)
            except UnreachableError:
                # The server may have the result or not. Before the next try the run may be deleted,
                # and its id be given to another run.
                self._same_runs.doubt((run_id,))
                raise
            except Exception:
                self._forget(run_id)
                raise
            self._forget(run_id)
            self._same_runs.doubt((run_id,))
            acknowledged()

        self._send_queue.put(run_id, send, must=True)

    def refuse(
        self,
        run_id: int,
        origin: RunOrigin | None,
        status: RunStatus,
        reason: str,
        image: str = "",
    ) -> None:
        """End a run at the server, with a reason; the run never started here."""
        answer = Answer(accepted=False, status=status, reason=reason)
        asked = origin.asked() if origin is not None else {}
        self._control.note_refusal(run_id, answer, image=image, origin=asked)
        log.warning("run refused", run_id=run_id, status=status.value, reason=reason)
        now = time.time() if origin is None else origin.not_before_assigned(time.time())
        body = {
            "status": status.value,
            "log": clean(f"[node] {reason}"),
            "finished_at": str(iso_time(now)),
        }

        def send() -> None:
            # The run may be deleted by now, and its id may belong to another run.
            if self._same_runs.is_at_server(run_id, origin):
                self._same_runs.doubt((run_id,))
                self._patches.send(run_id, origin, body)

        self._send_queue.put(run_id, send, must=True)

    def doubt(self, run_ids: Iterable[int] | None = None) -> None:
        """Ask the server before the next report of these runs, or of all for None.

        The ids may mean other runs by now.
        """
        self._same_runs.doubt(run_ids)

    def trust(self, run_id: int, origin: RunOrigin) -> None:
        """Note that the run of this origin is the server's run of this id."""
        self._same_runs.trust(run_id, origin)

    # --- in the send queue's threads

    def _send_status(self, run: Run) -> None:
        run_id, origin = run.run_id, self._same_runs.origin_of(run.run_id)
        if origin is None or not self._same_runs.is_at_server(run_id, origin):
            return
        body = {
            "status": run.status.value,
            "started_at": str(iso_time(origin.not_before_assigned(run.received_at))),
        }
        if run.status is RunStatus.ACTIVE:
            body["log"] = self._logs.start_stream(run_id, origin.task_id)
        elif run.failure is not None:
            body["log"] = clean(failure_text(run.failure))
        try:
            is_open = self._patches.send(run_id, origin, body)
        except RefusedByServerError as error:
            if error.status != _GONE:
                raise
            is_open = False
        if is_open:
            self._reported[run_id] = run.status
            return
        # The run was killed, failed because of a sibling, or was deleted: nobody needs its result.
        log.info("run has ended at the server: it is killed here", run_id=run_id)
        self._control.kill((run_id,))

    def _forget(self, run_id: int) -> None:
        self._result_sender.forget(run_id)
        self._reported.pop(run_id, None)
        with self._lock:
            self._unsent.discard(run_id)
