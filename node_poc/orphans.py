"""Jobs of this node that belong to no run in the book: over but not marked, or nobody's."""

from __future__ import annotations

import structlog

from node_poc.book import RunBook
from node_poc.calls import Calls
from node_poc.runs.observed import JobObservation
from node_poc.storage.records import Records
from node_poc.timers import Timers

log = structlog.get_logger(__name__)

# A Job that nobody knows is left alone for so long, so that a person can look at it.
_ORPHAN_SECONDS = 600.0


class Orphans:
    """Finishes what a crash left half done, and removes what nobody knows, telling so twice."""

    def __init__(self, book: RunBook, records: Records, calls: Calls, timers: Timers) -> None:
        """All are the engine's; used by its thread only."""
        self._book = book
        self._records = records
        self._calls = calls
        self._timers = timers
        self._told: set[int] = set()

    def look_after(self, job: JobObservation) -> None:
        """Take a Job of a list into account."""
        run_id = job.run_id
        if run_id in self._book or job.delivered or run_id in self._told:
            return
        if self._records.has_run(run_id):
            self._calls.finish(run_id)
            return
        self._told.add(run_id)
        log.warning("a Job belongs to no run: removed later", run_id=run_id, in_s=_ORPHAN_SECONDS)
        self._timers.after(_ORPHAN_SECONDS, lambda: self._remove(run_id))

    def _remove(self, run_id: int) -> None:
        self._told.discard(run_id)
        if run_id not in self._book and not self._records.has_run(run_id):
            log.warning("the Job that belongs to no run is removed now", run_id=run_id)
            self._calls.remove_orphan(run_id)
