"""Removes delivered Jobs that do not finish because an added container, a sidecar, still runs.

Kubernetes counts ``ttlSecondsAfterFinished`` from a Job's end. While a sidecar runs, the pod does
not end, nor does the Job: both would stay for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from node_poc.engine.timers import Timers
from node_poc.runs.observed import JobObservation

log = structlog.get_logger(__name__)

# A Job ends some seconds after its algorithm. The slack leaves its removal to Kubernetes.
_SLACK_SECONDS = 60.0


class LingeringJobs:
    """Removes delivered Jobs that have not finished after their keep time.

    Only the engine's thread may use this class.
    """

    def __init__(self, timers: Timers, remove: Callable[[int], None], kept_seconds: float) -> None:
        """``remove`` receives the id of the run whose Job must be removed, and must not block.

        ``kept_seconds`` is how long Kubernetes keeps a finished, delivered Job.
        """
        self._timers = timers
        self._remove = remove
        self._kept_seconds = kept_seconds
        self._due: dict[int, float] = {}

    def check(self, job: JobObservation) -> None:
        """Set or cancel the timer of a Job, according to an observation of the Job."""
        run_id = job.run_id
        finished = job.succeeded or bool(job.failed_reason)
        if finished or job.gone or not job.delivered:
            self._due.pop(run_id, None)
        elif run_id not in self._due:
            seconds = self._seconds_left(job)
            self._due[run_id] = due = time.monotonic() + seconds
            self._timers.call_later(seconds, lambda: self._remove_if_due(run_id, due))

    def _seconds_left(self, job: JobObservation) -> float:
        longest = self._kept_seconds + _SLACK_SECONDS
        if job.delivered_at is None:  # an earlier version of this node marked the Job
            return longest
        return min(max(job.delivered_at + longest - time.time(), 0.0), longest)

    def _remove_if_due(self, run_id: int, due: float) -> None:
        if self._due.get(run_id) != due:
            return  # the Job has finished or gone, or a new Job has another timer
        del self._due[run_id]
        log.warning("a delivered Job does not finish, so it is removed", run_id=run_id)
        self._remove(run_id)
