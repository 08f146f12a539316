"""What the pipeline needs of a server, whichever it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from node_poc.runs.docker_terms import KilledRun, ToBeKilled
from node_poc.runs.model import Run, RunResult, RunSpec
from node_poc.runs.status import RunStatus


@dataclass(frozen=True)
class Answer:
    """What the node says to a command; ``reason`` when refused.

    ``status``: how the run is or, when refused, how it ends.
    """

    accepted: bool
    status: RunStatus = RunStatus.NOT_ALLOWED
    reason: str = ""


@dataclass(frozen=True)
class Submission:
    """A well-formed run that a server asks for; ``answer`` is set by the engine, soon.

    ``owner``: who asks for it, in any words; owners take turns where runs wait. ``received_at``:
    when it came, in seconds since the epoch; the engine may see it later.
    """

    spec: RunSpec
    answer: Future[Answer]
    owner: str = ""
    received_at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class KillOutcome:
    """What became of a wish to kill: ``killed``, ``already ended`` or ``unknown``."""

    run_id: int
    outcome: str
    status: str


@dataclass(frozen=True)
class RunSummary:
    """One run for a list. ``position``: its place in the line from 1; None if it is in none."""

    run: Run
    image: str
    position: int | None
    delivered: bool = False


@dataclass(frozen=True)
class LogPart:
    """A part of a log; ``next_offset`` in bytes; ``ended``: nothing follows.

    ``grows``: the run has not ended, so more may come.
    """

    data: bytes
    next_offset: int
    ended: bool
    grows: bool = False


@dataclass(frozen=True)
class OutputPart:
    """A part of an output file; offset and size in bytes."""

    data: bytes
    next_offset: int
    size: int


class QueryError(Exception):
    """There is nothing to tell. The text says why and is safe to send."""


class NoSuchRunError(QueryError):
    """No run of this id is known here."""

    def __init__(self, run_id: int) -> None:
        """``run_id`` as asked for."""
        super().__init__(f"run_id: this node knows no run {run_id}")


class Control(Protocol):
    """What a server may ask of the node on behalf of a person."""

    def list_runs(self) -> list[RunSummary]:
        """All runs that are not over and the newest that are, newest first."""

    def status(self, run_id: int) -> RunSummary:
        """One run. Raises QueryError."""

    def kill(self, run_ids: tuple[int, ...] | None) -> list[KillOutcome]:
        """Kill the runs named, or all that are not over."""

    def read_log(self, run_id: int, offset: int) -> LogPart:
        """The next part of a run's log from ``offset`` (bytes). Raises QueryError."""

    def result(self, run_id: int) -> RunResult | None:
        """The result of a run; None while it has none. Raises QueryError."""

    def read_output(self, run_id: int, path: str, offset: int) -> OutputPart:
        """The next part of a file that a run left. Raises QueryError."""

    def knows(self, run_id: int) -> bool:
        """Whether a run of this number is or was here, and anything is still known of it."""

    def retire(self, run_id: int) -> bool:
        """Forget a run that is over, because its number is another run's now.

        Returns:
            whether nothing is left of it; if not, because it is not over yet, ask again later.
        """

    def run(self, spec: RunSpec, owner: str = "") -> Answer:
        """Ask for a run, and wait until it is taken or refused. Raises TimeoutError.

        ``owner``: who asks for it; owners take turns where runs wait.
        """

    def kill_tasks(
        self, org_id: int | None, kill_list: Sequence[ToBeKilled] | None = None
    ) -> list[KilledRun]:
        """Kill the runs of a list that are of this organization; without a list, all."""

    def get_column_names(self, label: str, type_: str) -> list[str]:
        """Names of a database's columns; empty if it has none, or they cannot be told."""

    def open_runs(self) -> list[RunSummary]:
        """All runs whose result the server does not have, oldest first."""

    def origin(self, run_id: int) -> dict[str, str]:
        """The run's ``RunSpec.origin``, through restarts. Raises QueryError."""

    def result_size(self, run_id: int) -> int:
        """How many bytes ``RunSpec.result_file`` has. Raises QueryError."""

    def read_result(self, run_id: int, limit: int) -> bytes:
        """The whole ``RunSpec.result_file``; at most ``limit`` bytes. Raises QueryError."""


class ResultSink(Protocol):
    """Where statuses and results go. Called by the delivery thread only."""

    @property
    def is_connected(self) -> bool:
        """Whether it makes sense to send now."""

    @property
    def connection(self) -> int:
        """A number that changes with each new connection."""

    def send_status(self, run: Run) -> None:
        """Tell the server a run's status. May be lost. Raises DeliveryError."""

    def send_result(self, result: RunResult, acknowledged: Callable[[], None]) -> None:
        """Send a result and return at once. Raises DeliveryError.

        ``acknowledged`` is called, from any thread, when the server says that it has it.
        """


class DeliveryError(Exception):
    """Something could not be sent; the connection is gone, or about to be."""
