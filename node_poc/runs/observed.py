"""Observations of a run: its pod, its Job, their Events, and requests about the run.

``cluster/observations.py`` makes observations of API objects; ``lifecycle.decide`` judges them. All
times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

from node_poc.runs.model import Failure
from node_poc.runs.status import RunStatus


@dataclass(frozen=True)
class Terminated:
    """How the algorithm's container ended; ``reason`` is Kubernetes' word for the end."""

    exit_code: int
    reason: str = ""
    message: str = ""
    signal: int = 0
    started_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True)
class PodObservation:
    """One observation of an algorithm pod.

    Attributes:
        disruption: why Kubernetes is about to end the pod.
        deleted_at: when the deletion was requested; the container ends afterwards.
        gone: whether the pod no longer exists.
        content: the digest of the pod's run; empty on pods of an older node.
        seen_at: the time of the observation, if the node observed the change at once.
        gate_waiting: why the container of the gate does not start, if known.
        gate_end: how the gate ended: with exit code 0 before the algorithm's container starts.
    """

    run_id: int
    pod_name: str
    phase: str
    node_name: str = ""
    reason: str = ""
    message: str = ""
    unschedulable: str = ""
    waiting_reason: str = ""
    waiting_message: str = ""
    running_since: float | None = None
    terminated: Terminated | None = None
    disruption: str = ""
    created_at: float | None = None
    deleted_at: float | None = None
    gone: bool = False
    content: str = ""
    seen_at: float | None = None
    gate_waiting: str = ""
    gate_end: Terminated | None = None


@dataclass(frozen=True)
class JobObservation:
    """One observation of a run's Job.

    Attributes:
        succeeded: whether the Job has the Complete condition.
        failed_reason: the reason of the Job's Failed condition.
        delivered: whether the server has the run's result.
        delivered_at: when the server got the result, if known.
        gone: whether the Job no longer exists, or is about to be removed.
        suspended: whether Kubernetes makes no pod until somebody resumes the Job; None if unknown.
        content: as in ``PodObservation``.
    """

    run_id: int
    created_at: float | None = None
    succeeded: bool = False
    failed_reason: str = ""
    failed_message: str = ""
    delivered: bool = False
    delivered_at: float | None = None
    gone: bool = False
    suspended: bool | None = None
    content: str = ""


@dataclass(frozen=True)
class StartRefused:
    """The run cannot start: ``failure`` is the final reason, ``status`` the final status."""

    run_id: int
    failure: Failure
    status: RunStatus = RunStatus.START_FAILED


@dataclass(frozen=True)
class StartPutOff:
    """A used-up quota refuses the Job for now: the run waits, and the node tries again."""

    run_id: int
    failure: Failure


@dataclass(frozen=True)
class ImageDelayed:
    """The node does not know the run's image yet: the run waits, and the node asks again."""

    run_id: int
    failure: Failure


@dataclass(frozen=True)
class DiskLimitExceeded:
    """The run exceeds its limit of the node's disk, as described in ``failure``."""

    run_id: int
    failure: Failure


@dataclass(frozen=True)
class KillRequested:
    """An authorized person or program wants the run to end."""

    run_id: int


@dataclass(frozen=True)
class Tick:
    """Time has passed; nothing was observed."""

    run_id: int


@dataclass(frozen=True)
class ClusterEvent:
    """One Kubernetes Event about a pod or a Job; ``reason`` is Kubernetes' word."""

    reason: str
    message: str


@dataclass(frozen=True)
class EventsSeen:
    """The Events of a run's pod, oldest first.

    Attributes:
        pod_name: empty for the Events of the run's Job, if the run had no pod at the time of the
            request.
    """

    run_id: int
    pod_name: str
    events: tuple[ClusterEvent, ...] = ()


Observation = (
    PodObservation
    | JobObservation
    | EventsSeen
    | StartRefused
    | StartPutOff
    | ImageDelayed
    | DiskLimitExceeded
    | KillRequested
    | Tick
)


def made_at(seen: JobObservation | PodObservation, now: float) -> float:
    """Return when an object observed for the first time was created, in seconds since the epoch.

    Kubernetes cuts its times to whole seconds; mostly an object is observed within the same second.
    """
    return now if seen.created_at is None else min(now, seen.created_at + 1)
