"""Jobs of this node that belong to no run in the book: unmarked, unfinished or unknown Jobs."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from node_poc.concurrency.pool import DaemonPool
from node_poc.engine.background_calls import BackgroundCalls
from node_poc.engine.book import RunBook
from node_poc.engine.lingering_jobs import LingeringJobs
from node_poc.engine.messages import Message, OrphanFound
from node_poc.engine.timers import Timers
from node_poc.runs.observed import JobObservation
from node_poc.storage.records import Records

log = structlog.get_logger(__name__)

# How long an unknown Job is left alone, to give a person time to inspect the Job.
_ORPHAN_SECONDS = 600.0


class Orphans:
    """Marks delivered Jobs left unmarked by a crash, and removes unknown Jobs.

    Logs each unknown Job twice: when the Job is found and when the Job is removed.
    """

    def __init__(
        self,
        book: RunBook,
        records: Records,
        calls: BackgroundCalls,
        timers: Timers,
        disk: DaemonPool,
        lingering_jobs: LingeringJobs,
    ) -> None:
        """All arguments belong to the engine.

        Only the engine's thread may call the methods; the disk's thread looks up unknown runs.
        """
        self._book = book
        self._records = records
        self._calls = calls
        self._timers = timers
        self._disk = disk
        self._lingering_jobs = lingering_jobs
        self._reported: set[int] = set()

    def check_listed(self, job: JobObservation, post: Callable[[Message], None]) -> None:
        """Check a Job from a list of Jobs; ``post`` hands a message to the engine."""
        self._lingering_jobs.check(job)
        run_id = job.run_id
        if run_id not in self._book and not job.delivered and run_id not in self._reported:
            self._disk.submit(self._look_up, run_id, post)

    def check_changed(self, job: JobObservation | None) -> None:
        """Check a Job that has changed."""
        if job is not None:
            self._lingering_jobs.check(job)

    def _look_up(self, run_id: int, post: Callable[[Message], None]) -> None:
        if not self._records.has_run(run_id):
            post(OrphanFound(run_id))
        elif not self._records.is_open(run_id):  # an open run will soon be in the book
            self._calls.mark_job(run_id)

    def on_orphan_found(self, orphan: OrphanFound) -> None:
        """Log an unknown Job, and remove the Job later if the disk still has no such run."""
        run_id = orphan.run_id
        if run_id in self._reported:
            return
        self._reported.add(run_id)
        log.warning("a Job belongs to no run: removed later", run_id=run_id, in_s=_ORPHAN_SECONDS)
        self._timers.call_later(_ORPHAN_SECONDS, lambda: self._disk.submit(self._remove, run_id))

    def _remove(self, run_id: int) -> None:
        self._reported.discard(run_id)
        if not self._records.has_run(run_id):
            log.warning("the Job that belongs to no run is removed now", run_id=run_id)
            self._calls.remove_job(run_id)
