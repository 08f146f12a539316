"""Whether a run that is known here is the one that the server means by its number."""

from __future__ import annotations

import threading
from dataclasses import replace

import structlog

from node_poc.protocol.ports import Control, QueryError
from node_poc.protocol.vantage6_errors import RefusedError, UnreachableError
from node_poc.protocol.vantage6_origin import RunOrigin
from node_poc.protocol.vantage6_request import RunRequest
from node_poc.protocol.vantage6_rest import Rest

log = structlog.get_logger(__name__)

# How a vantage6 server answers for a task that is deleted, or is another collaboration's.
_NOT_OURS = {401, 404}
#: What the researcher is told whose run has the number of another one.
OTHER_RUN = (
    "This node has had another run of this number, from another server or from one whose database "
    "was set up anew. Ask the data station to give its node a new task_dir for a new server, then "
    "post the task again."
)


class SameRuns:
    """Remembers which runs are the server's, until it may have changed. Thread-safe."""

    def __init__(self, rest: Rest, control: Control) -> None:
        """``control`` knows what was noted of each run."""
        self._rest = rest
        self._control = control
        self._lock = threading.Lock()
        self._sure: set[int] = set()

    def doubt_all(self) -> None:
        """The server was away: what comes back may have another database."""
        with self._lock:
            self._sure.clear()

    def forget(self, run_id: int) -> None:
        """Nothing more is sent of this run."""
        with self._lock:
            self._sure.discard(run_id)

    def trust(self, run_id: int) -> None:
        """The run is the server's: it was taken from there."""
        with self._lock:
            self._sure.add(run_id)

    def is_listed(self, request: RunRequest) -> bool:
        """Whether the run that is known here by this number is the one that the server lists."""
        if self._is_sure(request.run_id):
            return True
        facts = self.facts(request.run_id)
        if facts is not None and not facts.is_same(RunOrigin.of(request, self._rest.address)):
            return False
        self.trust(request.run_id)
        return True

    def is_there(self, run_id: int, facts: RunOrigin | None) -> bool:
        """Whether the server still means the run with these facts; asks it if that is in doubt.

        Raises:
            UnreachableError: it does not say; ask again.
        """
        if self._is_sure(run_id) or facts is None or not facts.created_at:
            return True
        try:
            task = self._rest.get(f"task/{facts.task_id}")
        except RefusedError as error:
            if error.status in _NOT_OURS:
                return False
            # Said by something in between, maybe: a result is not given up for that.
            raise UnreachableError(str(error)) from error
        created_at = task.get("created_at")
        if isinstance(created_at, str) and not facts.is_same(replace(facts, created_at=created_at)):
            return False
        self.trust(run_id)
        return True

    def _is_sure(self, run_id: int) -> bool:
        with self._lock:
            return run_id in self._sure

    def facts(self, run_id: int) -> RunOrigin | None:
        """What was noted of a run's task; None if nothing can be read."""
        try:
            return RunOrigin.from_origin(self._control.origin(run_id))
        except (QueryError, KeyError, ValueError) as error:
            log.warning("a run's task is not known", run_id=run_id, error=str(error))
            return None
