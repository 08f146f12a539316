"""All messages that the engine handles."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from node_poc.cluster.watch import WatchUpdate
from node_poc.runs.holds import Hold
from node_poc.runs.model import Failure, RunResult
from node_poc.runs.observed import (
    DiskLimitExceeded,
    EventsSeen,
    ImageDelayed,
    PodObservation,
    StartPutOff,
    StartRefused,
)
from node_poc.runs.ports import Answer, KillOutcome, RunSummary, Submission
from node_poc.runs.trusted_images import SettledImage
from node_poc.storage.records import RunRecord


@dataclass(frozen=True)
class IntakeOutcome:
    """The disk's thread has looked up a requested run.

    ``outcome`` is the run's record if the record is on disk now and the run goes on, the run's
    result if the run is over, or else the refusal.
    """

    submission: Submission
    outcome: RunRecord | RunResult | Answer


@dataclass(frozen=True)
class PodsSeen:
    """The watch of pods delivered a list or a change."""

    update: WatchUpdate


@dataclass(frozen=True)
class JobsSeen:
    """The watch of Jobs delivered a list or a change."""

    update: WatchUpdate


@dataclass(frozen=True)
class ImageSettled:
    """The node knows which image the run gets."""

    run_id: int
    image: SettledImage


@dataclass(frozen=True)
class JobCreated:
    """The run's Job exists; ``created_at`` is in seconds since the epoch."""

    run_id: int
    created_at: float


@dataclass(frozen=True)
class Collected:
    """The result of an ended run is on disk."""

    result: RunResult


@dataclass(frozen=True)
class Delivered:
    """The server has acknowledged the run's result."""

    run_id: int


@dataclass(frozen=True)
class Kill:
    """A request to kill runs.

    Attributes:
        run_ids: the runs to kill; None for all that have not ended.
        outcomes: receives an outcome for each run.
        past: outcomes for runs that are not in the book, found on disk.
    """

    run_ids: tuple[int, ...] | None
    outcomes: Future[list[KillOutcome]]
    past: dict[int, KillOutcome] = field(default_factory=dict)


@dataclass(frozen=True)
class Retire:
    """A request to forget a run that is over; ``done`` tells whether all its traces are gone."""

    run_id: int
    done: Future[bool]


@dataclass(frozen=True)
class Snapshot:
    """A request for the current state of all runs of the book, or of the run ``run_id``."""

    summaries: Future[list[RunSummary]]
    run_id: int | None = None


@dataclass(frozen=True)
class FoldersExpired:
    """The keep time is over for folders of past runs and for shared folders.

    ``done`` is set as soon as the disk's thread has handled the message.
    """

    run_ids: tuple[int, ...]
    volumes: tuple[str, ...]
    done: Future[None]


@dataclass(frozen=True)
class HoldChanged:
    """All runs are held back for a reason, or no longer for this reason (``failure`` is None)."""

    hold: Hold
    failure: Failure | None


@dataclass(frozen=True)
class OrphanFound:
    """A Job of this node belongs to a run unknown to the book and to the disk."""

    run_id: int


@dataclass(frozen=True)
class CallLater:
    """A request to do ``action`` in the engine's thread after ``seconds``."""

    action: Callable[[], None]
    seconds: float


# What other threads want of the engine.
Request = (
    Submission | IntakeOutcome | Kill | Retire | Snapshot | FoldersExpired | OrphanFound | CallLater
)
# What other threads saw, or did, of runs.
Message = (
    Request
    | PodsSeen
    | JobsSeen
    | ImageSettled
    | ImageDelayed
    | JobCreated
    | StartRefused
    | StartPutOff
    | PodObservation
    | EventsSeen
    | DiskLimitExceeded
    | HoldChanged
    | Collected
    | Delivered
)
