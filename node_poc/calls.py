"""What the engine lets the pool do, because it takes time. A call tells its outcome by a message.

A call that fails for a reason that may pass (the API server is away, the disk is full) asks to be
made again in a while; so nothing that must happen is ever given up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog

from node_poc.cluster.errors import ClusterError
from node_poc.inbox import Again, Collected, Message, Started
from node_poc.pool import DaemonPool
from node_poc.run_work import RunWork, refused_by
from node_poc.runs.model import Run
from node_poc.runs.observed import StartRefused
from node_poc.storage.records import RunRecord, StorageError

log = structlog.get_logger(__name__)

# A log that is not to be had is asked for so often, for a minute each time: the API server may be
# away for a while, and a machine for ever.
_LOG_TRIES = 3
_THREADS = 8


class Calls:
    """The slow half of the engine. ``post`` takes the messages."""

    def __init__(
        self, work: RunWork, post: Callable[[Message], None], waits_for_job: Callable[[int], bool]
    ) -> None:
        """``post`` must not block; ``waits_for_job``: whether no Job of a run was seen yet."""
        self._waits_for_job = waits_for_job
        self._work = work
        self._post = post
        self._pool = DaemonPool("api", _THREADS)

    def stop(self) -> None:
        """Begin no more calls; what is left undone is done after the next start."""
        self._pool.stop()

    def create(self, record: RunRecord) -> None:
        """Make the run's Job → ``Started`` or ``StartRefused``."""
        self._pool.submit(self._create, record)

    def collect(self, run: Run, record: RunRecord, *, remove_job: bool) -> None:
        """Make the ended run's result safe, then remove its Job if told → ``Collected``."""
        self._pool.submit(self._collect, run, record, remove_job, _LOG_TRIES)

    def kill(self, record: RunRecord) -> None:
        """Remember the kill, then remove the Job; the watches tell what becomes of it."""
        self._pool.submit(self._kill, record)

    def look_for_pod(self, run: Run) -> None:
        """Ask for the run's pod → its ``PodObservation``, gone if there is none."""
        self._pool.submit(self._look_for_pod, run)

    def look_for_events(self, run: Run) -> None:
        """Ask for the Events of the run's pod or Job → ``EventsSeen``, or nothing if they fail."""
        self._pool.submit(self._look_for_events, run)

    def finish(self, run_id: int) -> None:
        """Mark the Job of a run whose result the server has."""
        self._pool.submit(self._finish, run_id)

    def remove_orphan(self, run_id: int) -> None:
        """Remove the Job of a run that nobody knows."""
        self._pool.submit(self._remove_orphan, run_id)

    def _again(self, what: str, run_id: int, error: Exception, call: Callable[[], None]) -> None:
        log.warning("call failed: made again", what=what, run_id=run_id, error=str(error))
        self._post(Again(call))

    def _create(self, record: RunRecord) -> None:
        run_id = record.spec.run_id
        wanted = partial(self._waits_for_job, run_id)
        if not wanted():
            return  # it was seen, or killed, while the answer was missing
        try:
            self._post(Started(run_id, self._work.run(record, wanted)))
        except (ClusterError, StorageError) as error:
            if isinstance(error, ClusterError) and error.is_transient:
                self._again("job not created", run_id, error, lambda: self.create(record))
            else:
                log.warning("job not created", run_id=run_id, error=str(error))
                self._post(StartRefused(run_id, refused_by(error)))
        except Exception as error:  # of our own: it must not leave the run without an end
            log.exception("job not made", run_id=run_id)
            self._post(StartRefused(run_id, refused_by(error)))

    def _collect(self, run: Run, record: RunRecord, remove_job: bool, tries: int) -> None:  # noqa: FBT001
        try:
            result = self._work.get_result(run, record.spec, insist=tries > 0)
            if remove_job:
                self._work.remove(run.run_id)
        except (StorageError, ClusterError) as error:
            left = tries - isinstance(error, ClusterError)
            again = partial(self._pool.submit, self._collect, run, record, remove_job, left)
            self._again("result not safe yet", run.run_id, error, again)
            return
        self._post(Collected(result))

    def _kill(self, record: RunRecord) -> None:
        try:
            self._work.kill(replace(record, kill_requested=True))
        except (StorageError, ClusterError) as error:
            self._again("not killed yet", record.spec.run_id, error, lambda: self.kill(record))

    def _look_for_pod(self, run: Run) -> None:
        try:
            self._post(self._work.find_pod(run.run_id))
        except ClusterError as error:
            self._again("pod not looked for", run.run_id, error, lambda: self.look_for_pod(run))

    def _look_for_events(self, run: Run) -> None:
        try:
            self._post(self._work.find_events(run))
        except ClusterError as error:  # they are asked for again in a while anyway
            log.warning("events not read", run_id=run.run_id, error=str(error))

    def _finish(self, run_id: int) -> None:
        try:
            self._work.finish(run_id)
        except (StorageError, ClusterError) as error:
            self._again("job not marked", run_id, error, lambda: self.finish(run_id))

    def _remove_orphan(self, run_id: int) -> None:
        try:
            self._work.remove(run_id)
        except ClusterError as error:
            self._again("orphan not removed", run_id, error, lambda: self.remove_orphan(run_id))
