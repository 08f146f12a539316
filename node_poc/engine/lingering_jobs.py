"""Delivered Jobs that do not finish: a container that somebody added, a sidecar, lives on.

Kubernetes counts ``ttlSecondsAfterFinished`` from a Job's end. While a sidecar runs, the pod does
not end, so neither does the Job: both would stay for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from node_poc.engine.timers import Timers
from node_poc.runs.observed import JobObservation

log = structlog.get_logger(__name__)

# A Job ends some seconds after its algorithm. Kubernetes removes the Job then, not the node.
_SLACK_SECONDS = 60.0


class Lingering:
    """Removes a delivered Job that has not finished when its time is over.

    Used by the engine's thread only.
    """

    def __init__(self, timers: Timers, remove: Callable[[int], None], kept_seconds: float) -> None:
        """``remove`` is given the run whose Job is to go, and must not block.

        ``kept_seconds``: how long a delivered Job stays that has finished.
        """
        self._timers = timers
        self._remove = remove
        self._kept_seconds = kept_seconds
        self._due: dict[int, float] = {}

    def look_after(self, job: JobObservation) -> None:
        """Take what was seen of a Job into account."""
        run_id = job.run_id
        finished = job.succeeded or bool(job.failed_reason)
        if finished or job.gone or not job.delivered:
            self._due.pop(run_id, None)
        elif run_id not in self._due:
            seconds = self._seconds_left(job)
            self._due[run_id] = due = time.monotonic() + seconds
            self._timers.after(seconds, lambda: self._end(run_id, due))

    def _seconds_left(self, job: JobObservation) -> float:
        longest = self._kept_seconds + _SLACK_SECONDS
        if job.delivered_at is None:  # an earlier version of this node marked it
            return longest
        return min(max(job.delivered_at + longest - time.time(), 0.0), longest)

    def _end(self, run_id: int, due: float) -> None:
        if self._due.get(run_id) != due:
            return  # the Job has finished or gone, or is another one
        del self._due[run_id]
        log.warning("a delivered Job does not finish, so it is removed", run_id=run_id)
        self._remove(run_id)
