"""What can be seen of a run: looks at its pod and its Job, and what else happens to it.

``cluster/observations.py`` makes them of API objects; ``lifecycle.decide`` judges them. All times
are seconds since the epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

from node_poc.runs.model import Failure


@dataclass(frozen=True)
class Terminated:
    """How the algorithm's container ended; ``reason`` is Kubernetes' word for it."""

    exit_code: int
    reason: str = ""
    message: str = ""
    signal: int = 0
    started_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True)
class PodObservation:
    """What one look at an algorithm pod showed.

    ``disruption``: why Kubernetes is about to end it. ``deleted_at``: when its deletion was asked
    for; its container ends afterwards. ``gone``: it is not there any more. ``content``: digest
    of the run that it is of; empty on pods of an older node. ``seen_at``: when this was seen, if at
    once.
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


@dataclass(frozen=True)
class JobObservation:
    """What one look at a run's Job showed.

    ``succeeded``: it has the Complete condition. ``failed_reason`` is that of its Failed condition.
    ``delivered``: the server has the run's result, since ``delivered_at`` if that is known.
    ``gone``: it is not there any more, or about to go. ``content``: as a PodObservation's.
    """

    run_id: int
    created_at: float | None = None
    succeeded: bool = False
    failed_reason: str = ""
    failed_message: str = ""
    delivered: bool = False
    delivered_at: float | None = None
    gone: bool = False
    content: str = ""


@dataclass(frozen=True)
class StartRefused:
    """The Job could not be made: what the API or the disk said, as a failure that is final."""

    run_id: int
    failure: Failure


@dataclass(frozen=True)
class StartPutOff:
    """The API takes no Job now, because a quota is used up: the run waits and is tried again."""

    run_id: int
    failure: Failure


@dataclass(frozen=True)
class DiskLimitPassed:
    """The run takes more of the node's disk than it may; ``failure`` says so."""

    run_id: int
    failure: Failure


@dataclass(frozen=True)
class KillRequested:
    """Somebody who may do so wants the run to end."""

    run_id: int


@dataclass(frozen=True)
class Tick:
    """Time went by; nothing was seen."""

    run_id: int


@dataclass(frozen=True)
class ClusterEvent:
    """One Event of Kubernetes about a pod or a Job; ``reason`` is its word for it."""

    reason: str
    message: str


@dataclass(frozen=True)
class EventsSeen:
    """The Events of a run's pod, oldest first.

    ``pod_name`` empty: those of the run's Job, because it had no pod when they were asked for.
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
    | DiskLimitPassed
    | KillRequested
    | Tick
)


def made_at(seen: JobObservation | PodObservation, now: float) -> float:
    """When an object that is seen for the first time was made, in seconds since the epoch.

    Kubernetes cuts its times to whole seconds; mostly an object is seen within the same second.
    """
    return now if seen.created_at is None else min(now, seen.created_at + 1)
