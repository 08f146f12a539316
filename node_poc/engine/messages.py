"""What comes to the engine: every message it knows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from node_poc.cluster.watch import Seen
from node_poc.engine.book import Entry
from node_poc.runs.model import Failure, RunResult
from node_poc.runs.observed import (
    DiskLimitPassed,
    EventsSeen,
    PodObservation,
    StartPutOff,
    StartRefused,
)
from node_poc.runs.ports import Answer, KillOutcome, Submission
from node_poc.storage.records import RunRecord


@dataclass(frozen=True)
class Taken:
    """A run that is asked for was looked up on the disk.

    ``outcome``: its record if it is written now and goes on, its result if it is over, else the
    answer that refuses it.
    """

    submission: Submission
    outcome: RunRecord | RunResult | Answer


@dataclass(frozen=True)
class PodsSeen:
    """The pod watch saw something."""

    seen: Seen


@dataclass(frozen=True)
class JobsSeen:
    """The Job watch saw something."""

    seen: Seen


@dataclass(frozen=True)
class Started:
    """The run's Job is there; ``created_at`` in seconds since the epoch."""

    run_id: int
    created_at: float


@dataclass(frozen=True)
class Collected:
    """The run's result is safe on disk."""

    result: RunResult


@dataclass(frozen=True)
class Delivered:
    """The server has acknowledged the run's result."""

    run_id: int


@dataclass(frozen=True)
class Kill:
    """Runs are to be killed: those named, or all that are not over.

    ``past``: what the disk tells of those that the book does not know.
    """

    run_ids: tuple[int, ...] | None
    outcomes: Future[list[KillOutcome]]
    past: dict[int, KillOutcome] = field(default_factory=dict)


@dataclass(frozen=True)
class Retire:
    """A run that is over is to be forgotten; ``done``: whether nothing is left of it."""

    run_id: int
    done: Future[bool]


@dataclass(frozen=True)
class Snapshot:
    """Somebody asks for the book as it is."""

    entries: Future[list[Entry]]


@dataclass(frozen=True)
class Expired:
    """What past runs left may go: folders of runs, shared folders. ``done``: it was looked at."""

    run_ids: tuple[int, ...]
    volumes: tuple[str, ...]
    done: Future[None]


@dataclass(frozen=True)
class RoomSeen:
    """The disk has too little room to start a run, or it has room again (None)."""

    shortage: Failure | None


@dataclass(frozen=True)
class Orphan:
    """A Job of this node belongs to a run of which nothing is known, also not on the disk."""

    run_id: int


@dataclass(frozen=True)
class Again:
    """Something went wrong outside; do ``action`` in so many seconds."""

    action: Callable[[], None]
    seconds: float


Message = (
    Submission
    | Taken
    | PodsSeen
    | JobsSeen
    | Started
    | StartRefused
    | StartPutOff
    | PodObservation
    | EventsSeen
    | DiskLimitPassed
    | RoomSeen
    | Collected
    | Delivered
    | Kill
    | Retire
    | Snapshot
    | Expired
    | Orphan
    | Again
)
