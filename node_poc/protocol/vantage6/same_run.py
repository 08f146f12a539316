"""Whether a run that is known here is the one that the server means by its number.

With SQLite a server gives the number of a run that was deleted to the next one; a server that is
set up anew begins at one again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from enum import Enum, auto

import structlog

from node_poc.protocol.vantage6.errors import RefusedError, UnreachableError
from node_poc.protocol.vantage6.origin import RunOrigin
from node_poc.protocol.vantage6.rest.session import Rest
from node_poc.protocol.vantage6.run_request import RunRequest
from node_poc.runs.ports import Control, QueryError

log = structlog.get_logger(__name__)

# How a vantage6 server answers for a task that is deleted, or is another collaboration's.
_NOT_OURS = {401, 404}
#: What the researcher is told whose run has the number of another one.
OTHER_RUN = (
    "This node has had another run of this number, from another server or from one whose database "
    "was set up anew. Ask the data station to give its node a new task_dir for a new server, then "
    "post the task again."
)


class Meaning(Enum):
    """What a server means by the number of a run that is known here."""

    SAME = auto()
    LATER = auto()  # a run that it made later: the one that is known here is gone there
    OTHER = auto()  # some other run, and it cannot be told that it is later


class SameRuns:
    """Remembers which runs are the server's, until it may have changed. Thread-safe."""

    def __init__(self, rest: Rest, control: Control) -> None:
        """``control`` knows what was noted of each run."""
        self._rest = rest
        self._control = control
        self._lock = threading.Lock()
        self._sure: dict[int, RunOrigin] = {}

    def doubt(self, run_ids: Iterable[int] | None = None) -> None:
        """The server may mean other runs by these numbers by now, or by any."""
        with self._lock:
            for run_id in list(self._sure) if run_ids is None else run_ids:
                self._sure.pop(run_id, None)

    def trust(self, run_id: int, facts: RunOrigin) -> None:
        """The run with these facts is the server's: it was taken from there."""
        with self._lock:
            self._sure[run_id] = facts

    def compare(self, request: RunRequest) -> Meaning:
        """What the server means that lists the number of a run that is known here.

        Raises:
            UnreachableError: it has to be asked, and does not say.
        """
        facts = self.facts(request.run_id)
        listed = RunOrigin.of(request, self._rest.address)
        if facts is None or facts.is_same(listed):
            self.trust(request.run_id, facts or listed)
            return Meaning.SAME
        self.doubt((request.run_id,))
        if facts.is_before(listed):
            return Meaning.LATER
        timeless = not (facts.created_at and listed.created_at)
        if timeless and facts.task_id != listed.task_id and self._task(facts) is None:
            return Meaning.LATER
        return Meaning.OTHER

    def is_there(self, run_id: int, facts: RunOrigin | None) -> bool:
        """Whether the server still means the run with these facts; asks it if that is in doubt.

        Raises:
            UnreachableError: it does not say; ask again.
        """
        if facts is None or not facts.created_at or self._is_sure(run_id, facts):
            return True
        task = self._task(facts)
        if task is None:
            return False
        created_at = task.get("created_at")
        if isinstance(created_at, str) and not facts.is_same(replace(facts, created_at=created_at)):
            return False
        self.trust(run_id, facts)
        return True

    def facts(self, run_id: int) -> RunOrigin | None:
        """What was noted of a run's task; None if nothing can be read."""
        with self._lock:
            if (known := self._sure.get(run_id)) is not None:
                return known
        try:
            return RunOrigin.from_origin(self._control.origin(run_id))
        except (QueryError, KeyError, ValueError) as error:
            log.warning("a run's task is not known", run_id=run_id, error=str(error))
            return None

    def _task(self, facts: RunOrigin) -> dict[str, object] | None:
        """The task at the server; None if it has none of this number for us."""
        try:
            return self._rest.get(f"task/{facts.task_id}")
        except RefusedError as error:
            if error.status in _NOT_OURS:
                return None
            # Said by something in between, maybe: a result is not given up for that.
            raise UnreachableError(str(error)) from error

    def _is_sure(self, run_id: int, facts: RunOrigin) -> bool:
        with self._lock:
            return self._sure.get(run_id) == facts
