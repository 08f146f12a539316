"""From the list of a vantage6 server's open runs to runs that the engine has, or that have ended.

Trouble with one run stops no other: it is tried again after a pause of its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future

import structlog

from node_poc.backoff import is_worth_a_warning
from node_poc.pool import DaemonPool
from node_poc.protocol.ports import Control, QueryError
from node_poc.protocol.vantage6_errors import (
    LoginRefusedError,
    RegistryAwayError,
    ServerError,
)
from node_poc.protocol.vantage6_intake import EngineBusyError, Intake, Prepared
from node_poc.protocol.vantage6_later import Later
from node_poc.protocol.vantage6_origin import RunOrigin
from node_poc.protocol.vantage6_reports import Line, Reports
from node_poc.protocol.vantage6_request import RunRequest, RunRequestError, parse_run
from node_poc.protocol.vantage6_same import OTHER_RUN
from node_poc.runs.model import RunResult
from node_poc.runs.status import RunStatus

log = structlog.get_logger(__name__)

# With their inputs, runs may be large: so many are in memory at once.
_PAGE = 20
_THREADS = 4
_AHEAD = 8
# So many runs in a row that the server has trouble with: it is not theirs alone.
_IN_A_ROW = 8


class Taking:
    """Takes what is listed. ``take_all`` is for one thread, ``kill`` for any."""

    def __init__(self, line: Line, intake: Intake, reports: Reports, control: Control) -> None:
        """``later`` tells which runs wait for another try."""
        self._rest = line.rest
        self._node_id = line.identity.node_id
        self._intake = intake
        self._reports = reports
        self._control = control
        self.later = Later()
        self._in_a_row = 0
        self._done: set[int] = set()  # open at the server, and their end is on its way there
        self._killed: set[int] = set()
        self._taking: set[int] = set()
        self._lock = threading.Lock()
        self._pool = DaemonPool("take in", _THREADS)

    def stop(self) -> None:
        """Take nothing more."""
        self._pool.stop()

    def kill(self, run_ids: Iterable[int] | None) -> None:
        """Runs that are on their way into the engine (all, or those named) do not get there."""
        with self._lock:
            taking = self._taking if run_ids is None else self._taking & set(run_ids)
            self._killed |= taking | self.later.hurry(run_ids)

    def forget_all_but(self, listed: set[int]) -> None:
        """All open runs were read, and these they are: what others were is of no use any more."""
        with self._lock:
            self._killed &= listed | self._taking
        self._done &= listed

    def take_all(self, here: set[int], listed: set[int], **narrowed: int) -> None:
        """Take what is open at the server and new here.

        Args:
            here: the runs that the engine has; those that it takes are added.
            listed: the runs that are open at the server are added.
            narrowed: what the server is asked for besides, such as a task.

        Raises:
            ServerError: the list cannot be read, or there is trouble with more than single runs.
        """
        self._in_a_row = 0
        waiting: deque[tuple[RunRequest, Future[Prepared | None]]] = deque()
        try:
            for request in self._new_runs(here, listed, **narrowed):
                with self._lock:
                    self._taking.add(request.run_id)
                failures = self.later.failures(request.run_id)
                waiting.append((request, self._pool.ask(self._intake.prepare, request, failures)))
                if len(waiting) >= _AHEAD:
                    self._submit(*waiting.popleft(), here)
            while waiting:
                self._submit(*waiting.popleft(), here)
        finally:
            for request, future in waiting:
                future.cancel()
                self._no_longer_taking(request.run_id)

    def _new_runs(self, here: set[int], listed: set[int], **narrowed: int) -> Iterator[RunRequest]:
        """What is open at the server and is to be taken now, oldest first."""
        asked = {"state": "open", "node_id": self._node_id, "include": "task", **narrowed}
        for page in self._rest.pages_from_last("run", _PAGE, **asked):
            found = [request for item in page if (request := self._parse(item, here, listed))]
            for request in sorted(found, key=lambda request: request.run_id):
                if self._is_new(request, here) and not self.later.is_waiting(request.run_id):
                    yield request

    def _is_new(self, request: RunRequest, here: set[int]) -> bool:
        run_id = request.run_id
        if run_id in self._done or run_id in self._taking:
            return False
        result = None if run_id in here else self._result(run_id)
        if run_id in here or result is not None:
            if not self._reports.same.is_listed(request):
                self._refuse_other(request, going=run_id in here)
            elif result is not None:
                self._tell_again(result)
            return False
        return not self._was_killed(request)

    def _parse(self, item: object, here: set[int], listed: set[int]) -> RunRequest | None:
        try:
            request = parse_run(item)
        except RunRequestError as error:
            self._not_readable(error, here, listed)
            return None
        listed.add(request.run_id)
        return request

    def _not_readable(self, error: RunRequestError, here: set[int], listed: set[int]) -> None:
        run_id = error.run_id
        if run_id is None:
            log.warning("an open run of the server cannot be read", reason=str(error))
            return
        listed.add(run_id)
        if run_id in self._done or run_id in here or run_id in self._taking:
            return
        if (result := self._result(run_id)) is not None:
            self._tell_again(result)
            return
        self._done.add(run_id)
        self._reports.refuse(run_id, None, RunStatus.FAILED, str(error))

    def _result(self, run_id: int) -> RunResult | None:
        """The result of a run that has ended here before; None if there is none."""
        try:
            return self._control.result(run_id)
        except QueryError:
            return None

    def _tell_again(self, result: RunResult) -> None:
        """The server forgot that the run has ended, so it gets its end again."""
        log.info(
            "a finished run is open at the server: its result is sent again", run_id=result.run_id
        )
        self._reports.result(result, lambda: None)

    def _refuse_other(self, request: RunRequest, *, going: bool) -> None:
        """The server means another run by this number than the one here, which it has no more."""
        if going:
            self._control.kill((request.run_id,))
        self._done.add(request.run_id)
        self._reports.refuse(request.run_id, RunOrigin.of(request), RunStatus.FAILED, OTHER_RUN)

    def _submit(self, request: RunRequest, future: Future[Prepared | None], here: set[int]) -> None:
        """Hand a run to the engine when it is ready; trouble with one run stops no other."""
        try:
            self._hand_over(request, future.result(), here)
        except LoginRefusedError:
            raise
        except Exception as error:
            self._postpone(request, error)
            if isinstance(error, EngineBusyError) or self._in_a_row >= _IN_A_ROW:
                raise
        else:
            self._in_a_row = 0
            self.later.forget(request.run_id)
        finally:
            self._no_longer_taking(request.run_id)

    def _hand_over(self, request: RunRequest, prepared: Prepared | None, here: set[int]) -> None:
        run_id = request.run_id
        if (
            prepared is None
            or self._was_killed(request)
            or not self._intake.submit(request, prepared)
        ):
            self._done.add(run_id)
            return
        here.add(run_id)
        self._reports.same.trust(run_id)
        if run_id in self._killed:
            self._control.kill((run_id,))

    def _postpone(self, request: RunRequest, error: Exception) -> None:
        elsewhere = isinstance(error, RegistryAwayError)
        self._in_a_row += not elsewhere  # a registry's trouble is not the server's
        failures = self.later.postpone(request.run_id, request.task_id)
        told = {"run_id": request.run_id, "error": str(error), "tries": failures}
        if not is_worth_a_warning(failures):
            log.debug("run not taken yet: tried again", **told)
        elif isinstance(error, ServerError) or elsewhere:
            log.warning("run not taken yet: tried again", **told)
        else:
            log.error("run not taken yet: tried again", **told, exc_info=error)

    def _was_killed(self, request: RunRequest) -> bool:
        run_id = request.run_id
        with self._lock:
            killed = run_id in self._killed
        if killed:
            self._done.add(run_id)
            self.later.forget(run_id)
            facts = RunOrigin.of(request)
            self._reports.refuse(run_id, facts, RunStatus.KILLED, "Killed by user.")
        return killed

    def _no_longer_taking(self, run_id: int) -> None:
        with self._lock:
            self._taking.discard(run_id)
            if not self.later.failures(run_id):
                self._killed.discard(run_id)
