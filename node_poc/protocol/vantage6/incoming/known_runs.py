"""Decides about listed runs whose number the node knows already: the same run, or another run."""

from __future__ import annotations

from enum import Enum, auto

import structlog

from node_poc.protocol.vantage6.control import KnownRunsControl
from node_poc.protocol.vantage6.errors import RefusedByServerError, UnreachableError
from node_poc.protocol.vantage6.incoming.postponed import PostponedRuns
from node_poc.protocol.vantage6.origin import RunOrigin
from node_poc.protocol.vantage6.outgoing.reports import Reports
from node_poc.protocol.vantage6.rest.session import RestSession
from node_poc.protocol.vantage6.run_request import RunRequest
from node_poc.protocol.vantage6.same_run import OTHER_RUN, Relation, SameRuns
from node_poc.runs.model import Run, RunResult
from node_poc.runs.ports import QueryError
from node_poc.runs.status import RunStatus

log = structlog.get_logger(__name__)

# The pause before checking whether a run that is gone at the server is gone here as well.
_RETIRE_SECONDS = 1.0
_GONE = 404


class Decision(Enum):
    """What to do with a listed run."""

    TAKE = auto()
    LEAVE = auto()  # nothing, at least for now
    REFUSED = auto()  # nothing more: its end is on its way to the server


class KnownRunCheck:
    """Compares listed runs with the runs that the node knows. Only the reading thread calls."""

    def __init__(
        self,
        rest: RestSession,
        reports: Reports,
        control: KnownRunsControl,
        same_runs: SameRuns,
        postponed: PostponedRuns,
    ) -> None:
        """``postponed`` gets the runs that wait for the end of another run of their number."""
        self._rest = rest
        self._reports = reports
        self._control = control
        self._same_runs = same_runs
        self._postponed = postponed
        self._replaced: set[int] = set()  # known here, and being removed
        # Open at the server and going on here, but not started according to the server.
        self._not_reported: set[int] = set()
        self._unclear: set[int] = set()  # runs for which the server did not tell whether they ended

    def begin_reading(self) -> None:
        """Begin to compare the runs of a full reading."""
        self._not_reported.clear()

    def forget_all_but(self, listed: set[int]) -> None:
        """Forget all runs that are not in ``listed``, the server's open runs."""
        self._replaced &= listed

    def decide(self, request: RunRequest, here: set[int]) -> Decision:
        """Return whether to take a listed run; settle the case of a known run of its number.

        ``here`` are the ids of the runs that the engine has.
        """
        run_id = request.run_id
        if run_id not in here and not self._control.knows(run_id):
            return Decision.TAKE
        match self._same_runs.compare(request):
            case Relation.LATER:
                return self._replace(request, here)
            case Relation.OTHER:
                return self._refuse_other(request, going=run_id in here)
            case Relation.SAME if run_id in here:
                if not request.was_started:
                    self._not_reported.add(run_id)
            case Relation.SAME:
                # Without a result the run is taken: the engine knows how the run ended.
                return Decision.LEAVE if self.report_again(run_id) else Decision.TAKE
        return Decision.LEAVE

    def compare(self, going: list[Run], listed: set[int]) -> None:
        """Compare the runs that go on here with the runs that are open at the server."""
        for run in going:
            if run.run_id in self._not_reported:
                self._reports.report_status(run)
        not_open = {run.run_id for run in going} - listed
        for run_id in sorted(not_open):
            self._kill_if_ended(run_id)
        self._unclear &= not_open

    def _kill_if_ended(self, run_id: int) -> None:
        """Kill a run that goes on here, but is not open at the server, if it has ended there."""
        try:
            ended = self._rest.get(f"run/{run_id}").get("finished_at") is not None
        except RefusedByServerError as error:
            ended = error.status == _GONE
        except (
            UnreachableError
        ) as error:  # asked again by the next reading; other runs must not wait
            tell = log.debug if run_id in self._unclear else log.warning
            tell("not known whether a run has ended at the server", run_id=run_id, error=str(error))
            self._unclear.add(run_id)
            return
        if ended:
            log.info("run has ended at the server: it is killed here", run_id=run_id)
            self._control.kill((run_id,))

    def report_again(self, run_id: int) -> bool:
        """Send the end of a run again, which the server has lost; False without a result here."""
        result = self._result(run_id)
        if result is None:
            return False
        log.info("a finished run is open at the server: its result is sent again", run_id=run_id)
        self._reports.report_result(result, lambda: None)
        return True

    def _replace(self, request: RunRequest, here: set[int]) -> Decision:
        """Remove a run whose id the server gave to a later run; take the later run afterwards."""
        run_id = request.run_id
        if run_id not in self._replaced:
            self._replaced.add(run_id)
            log.warning("the server has given a run's number to another run", run_id=run_id)
        if run_id in here and self._result(run_id) is None:
            self._control.kill((run_id,))
        elif self._control.retire(run_id):
            self._replaced.discard(run_id)
            return Decision.TAKE
        self._postponed.retry_in(run_id, request.task_id, _RETIRE_SECONDS)
        return Decision.LEAVE

    def _refuse_other(self, request: RunRequest, *, going: bool) -> Decision:
        """Refuse a run whose id belongs to another run here, which the server has lost."""
        if going:
            self._control.kill((request.run_id,))
        origin, image = RunOrigin.of(request), request.image
        self._reports.refuse(request.run_id, origin, RunStatus.FAILED, OTHER_RUN, image)
        return Decision.REFUSED

    def _result(self, run_id: int) -> RunResult | None:
        """Return the result of a run that has ended here before; None without a result."""
        try:
            return self._control.read_result(run_id)
        except QueryError:
            return None
