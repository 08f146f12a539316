"""Compares runs that are known here with the server's runs of the same id.

A server with SQLite gives the id of a deleted run to the next run; a server that is set up anew
starts again at id 1.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from enum import Enum, auto

import structlog

from node_poc.protocol.vantage6.errors import RefusedByServerError, UnreachableError
from node_poc.protocol.vantage6.origin import RunOrigin
from node_poc.protocol.vantage6.rest.session import RestSession
from node_poc.protocol.vantage6.run_request import RunRequest
from node_poc.runs.ports import KnownRuns, QueryError

log = structlog.get_logger(__name__)

# The server's HTTP status for a deleted task, or for a task of another collaboration.
_NOT_OURS = {401, 404}
#: The message for the researcher of a run with the id of another run.
OTHER_RUN = (
    "This node has had another run of this number, from another server or from one whose database "
    "was set up anew. Ask the data station to give its node a new task_dir for a new server, then "
    "post the task again."
)


class Relation(Enum):
    """The relation of the server's run to the run of the same id that is known here."""

    SAME = auto()
    LATER = auto()  # another run that the server made later; the run known here is gone there
    OTHER = auto()  # another run, not known to be later


class SameRuns:
    """Remembers which runs are the same at the server, until the server may change. Thread-safe."""

    def __init__(self, rest: RestSession, known: KnownRuns) -> None:
        """``known`` returns the noted facts of each run."""
        self._rest = rest
        self._known = known
        self._lock = threading.Lock()
        self._sure: dict[int, RunOrigin] = {}

    def doubt(self, run_ids: Iterable[int] | None = None) -> None:
        """Ask the server again for these runs, or for all: their ids may mean other runs now."""
        with self._lock:
            for run_id in list(self._sure) if run_ids is None else run_ids:
                self._sure.pop(run_id, None)

    def trust(self, run_id: int, origin: RunOrigin) -> None:
        """Note that the run of this origin is the server's run of this id."""
        with self._lock:
            self._sure[run_id] = origin

    def compare(self, request: RunRequest) -> Relation:
        """Return the relation of a listed run to the run of the same id that is known here.

        Raises:
            UnreachableError: the comparison needs an answer of the server, and none came.
        """
        origin = self.origin_of(request.run_id)
        listed = RunOrigin.of(request, self._rest.address)
        if origin is None or origin.is_same(listed):
            self.trust(request.run_id, origin or listed)
            return Relation.SAME
        self.doubt((request.run_id,))
        if origin.is_before(listed):
            return Relation.LATER
        timeless = not (origin.created_at and listed.created_at)
        if timeless and origin.task_id != listed.task_id and self._task(origin) is None:
            return Relation.LATER
        return Relation.OTHER

    def is_at_server(self, run_id: int, origin: RunOrigin | None) -> bool:
        """Return whether the server still has the run with these facts; in doubt, ask the server.

        Raises:
            UnreachableError: the server did not answer; call again.
        """
        if origin is None or not origin.created_at or self._is_sure(run_id, origin):
            return True
        task = self._task(origin)
        if task is None:
            return False
        created_at = task.get("created_at")
        if isinstance(created_at, str):
            there = replace(origin, created_at=created_at)
            if not origin.is_same(there):
                return False
        self.trust(run_id, origin)
        return True

    def origin_of(self, run_id: int) -> RunOrigin | None:
        """Return the noted facts about a run's task; None if no facts can be read."""
        with self._lock:
            if (known := self._sure.get(run_id)) is not None:
                return known
        try:
            return RunOrigin.from_origin(self._known.origin(run_id))
        except (QueryError, KeyError, ValueError) as error:
            log.warning("a run's task is not known", run_id=run_id, error=str(error))
            return None

    def _task(self, origin: RunOrigin) -> dict[str, object] | None:
        """Return the task from the server; None if the server has no task of this id for us."""
        try:
            return self._rest.get(f"task/{origin.task_id}")
        except RefusedByServerError as error:
            if error.status in _NOT_OURS:
                return None
            # Another status may come from a gateway, and is no reason to give up a result.
            raise UnreachableError(str(error)) from error

    def _is_sure(self, run_id: int, origin: RunOrigin) -> bool:
        with self._lock:
            return self._sure.get(run_id) == origin
