"""PURE: the moments of one run, and the times between them.

All moments are seconds since the epoch, by the one clock that the machine, its containers and the
bench share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.plan import Who


@dataclass(frozen=True)
class TimedRun:
    """One run.

    Attributes:
        who: who carried it out.
        asked: just before it was asked for.
        received: the node had the command; None for the raw client.
        created: Kubernetes had answered that it has the Job.
        job_seen: the bench's own watch showed the Job.
        ended: the algorithm's last act.
        told: the bench's own watch showed that the container had ended.
        result: whoever asked had the result.
    """

    who: Who
    asked: float
    received: float | None
    created: float
    job_seen: float
    ended: float
    told: float
    result: float

    @property
    def whole(self) -> float:
        """From the request to the result."""
        return self.result - self.asked

    @property
    def accepting(self) -> float:
        """From the command's arrival (raw: from the request) until the Job is accepted."""
        return self.created - (self.asked if self.received is None else self.received)

    @property
    def to_job(self) -> float:
        """From the request until the Job is there for everybody to see."""
        return self.job_seen - self.asked

    @property
    def after_end(self) -> float:
        """From the container's end to the result."""
        return self.result - self.ended

    @property
    def after_told(self) -> float:
        """From Kubernetes telling the end to the result: what is left for the node to be blamed.

        The two are different connections, so it may be a little below nothing.
        """
        return self.result - self.told


def of(runs: Sequence[TimedRun], who: Who) -> list[TimedRun]:
    """The runs of one of the two."""
    return [run for run in runs if run.who is who]
