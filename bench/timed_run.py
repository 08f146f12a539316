"""PURE: the moments of one run, and the durations between them.

All moments are seconds since the epoch, by the one clock shared by the machine, its containers and
the bench.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.plan import Who


@dataclass(frozen=True)
class TimedRun:
    """One run.

    Attributes:
        who: the client that carried the run out.
        asked: just before the request.
        received: the node had the command; None for the raw client.
        created: Kubernetes had confirmed the Job.
        job_seen: the bench's own watch showed the Job.
        ended: the algorithm's last act.
        seen_end: the bench's own watch showed the container's end.
        result: the client had the result.
    """

    who: Who
    asked: float
    received: float | None
    created: float
    job_seen: float
    ended: float
    seen_end: float
    result: float

    @property
    def whole(self) -> float:
        """From the request to the result."""
        return self.result - self.asked

    @property
    def without_kubelets_wait(self) -> float:
        """From the request to the result, without the time until Kubernetes reported the end.

        The kubelet looks at its containers once a second. Where in that second a container ends is
        chance, and hides a difference of some percent between two kinds of runs.
        """
        return self.whole - (self.seen_end - self.ended)

    @property
    def accepting(self) -> float:
        """From the command's arrival (raw: from the request) until the Job is accepted."""
        return self.created - (self.asked if self.received is None else self.received)

    @property
    def to_job(self) -> float:
        """From the request until watches show the Job."""
        return self.job_seen - self.asked

    @property
    def after_end(self) -> float:
        """From the container's end to the result."""
        return self.result - self.ended

    @property
    def after_seen_end(self) -> float:
        """From Kubernetes' report of the end to the result: the node's own time.

        The report and the result use different connections, so the difference may be slightly
        negative.
        """
        return self.result - self.seen_end


def of(runs: Sequence[TimedRun], who: Who) -> list[TimedRun]:
    """Return the runs of one client."""
    return [run for run in runs if run.who is who]
