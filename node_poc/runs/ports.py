"""The interfaces between the engine and a server's adapter, the same for every kind of server."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from node_poc.runs.docker_terms import KilledRun, ToBeKilled
from node_poc.runs.model import Run, RunResult, RunSpec
from node_poc.runs.status import RunStatus

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Answer:
    """The node's answer to a command.

    Attributes:
        status: the run's status or, if refused, its final status.
        reason: why the node refused the command.
    """

    accepted: bool
    status: RunStatus = RunStatus.NOT_ALLOWED
    reason: str = ""


@dataclass(frozen=True)
class Submission:
    """A well-formed run requested by a server.

    Attributes:
        answer: set by the engine shortly after.
        owner: the requester, in any words; the owners of queued runs take turns.
        received_at: when the request arrived, in seconds since the epoch; the engine may see it
            later.
    """

    spec: RunSpec
    answer: Future[Answer]
    owner: str = ""
    received_at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class KillOutcome:
    """The outcome of a kill request: ``killed``, ``already ended`` or ``unknown``."""

    run_id: int
    outcome: str
    status: str


@dataclass(frozen=True)
class RunSummary:
    """One run for a list. ``position``: its place in the queue from 1; None if not queued."""

    run: Run
    image: str
    position: int | None
    delivered: bool = False


@dataclass(frozen=True)
class LogPart:
    """A part of a log.

    Attributes:
        next_offset: where the next part starts, in bytes.
        ended: nothing follows this part.
        grows: the run has not ended, and its log may grow.
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
    """The node has no answer. The text gives the reason and is safe to send."""


class NoSuchRunError(QueryError):
    """The node knows no run of this id."""

    def __init__(self, run_id: int) -> None:
        """Take the requested ``run_id``."""
        super().__init__(f"run_id: this node knows no run {run_id}")


class RunTaker(Protocol):
    """Takes runs."""

    def run(self, spec: RunSpec, owner: str = "") -> Answer:
        """Request a run, and wait until the node takes or refuses the run. Raise TimeoutError.

        ``owner`` names the requester; the owners of queued runs take turns.
        """


class RefusalNotes(Protocol):
    """Notes refused runs in the audit trail. An adapter notes each refusal that it tells."""

    def note_refusal(
        self,
        run_id: int | None,
        answer: Answer,
        *,
        image: str = "",
        origin: Mapping[str, str] = NOTHING,
        owner: str = "",
    ) -> None:
        """Note that a run is not taken; return at once.

        Args:
            run_id: the run's id; None if the request has no readable id.
            answer: the refusal.
            image: the requested image; empty if unknown.
            origin: facts of the server about the run's task, as in ``RunSpec.origin``.
            owner: the requester, as for ``RunTaker.run``.
        """


class RunKiller(Protocol):
    """Kills runs."""

    def kill(self, run_ids: tuple[int, ...] | None) -> list[KillOutcome]:
        """Kill the runs named, or all that are not over."""


class LogReader(Protocol):
    """Reads the logs of runs."""

    def read_log(self, run_id: int, offset: int) -> LogPart:
        """Return the next part of a run's log from ``offset`` (bytes). Raise QueryError."""


class ResultReader(Protocol):
    """Reads the results of runs."""

    def read_result(self, run_id: int) -> RunResult | None:
        """Return the result of a run; None while the run has none. Raise QueryError."""


class ResultFiles(Protocol):
    """The result files of runs: the algorithms' own results."""

    def result_file_size(self, run_id: int) -> int:
        """Return the size of ``RunSpec.result_file`` in bytes. Raise QueryError."""

    def read_result_file(self, run_id: int, limit: int) -> bytes:
        """Return the whole ``RunSpec.result_file``, at most ``limit`` bytes. Raise QueryError."""


class KnownRuns(Protocol):
    """The runs that the node knows, for a comparison with the server's runs."""

    def open_runs(self) -> list[RunSummary]:
        """Return all runs with results that the server does not have, oldest first."""

    def knows(self, run_id: int) -> bool:
        """Return whether the node knows a run of this id, present or past."""

    def origin(self, run_id: int) -> dict[str, str]:
        """Return the run's ``RunSpec.origin``, which survives restarts. Raise QueryError."""

    def retire(self, run_id: int) -> bool:
        """Forget a run that is over, because its id now belongs to another run.

        Returns:
            whether nothing of the old run is left; if false, the old run is not over: ask again
            later.
        """


class UserQueries(RunKiller, LogReader, ResultReader, Protocol):
    """The requests about runs that people make through a server."""

    def list_runs(self) -> list[RunSummary]:
        """Return all runs that are not over and the newest of the others, newest first."""

    def status(self, run_id: int) -> RunSummary:
        """Return one run. Raise QueryError."""

    def read_output(self, run_id: int, path: str, offset: int) -> OutputPart:
        """Return the next part of an output file of a run. Raise QueryError."""


class DockerVerbs(Protocol):
    """Further methods of vantage6's DockerManager, for a vantage6 server."""

    def kill_tasks(
        self, org_id: int | None, kill_list: Sequence[ToBeKilled] | None = None
    ) -> list[KilledRun]:
        """Kill the organization's runs of ``kill_list``; without a list, all runs."""

    def get_column_names(self, label: str, type_: str) -> list[str]:
        """Return a database's column names; empty if there are none, or if they are unknown."""


class NodeControl(
    RunTaker, RefusalNotes, UserQueries, KnownRuns, ResultFiles, DockerVerbs, Protocol
):
    """All requests that an adapter may make of the node; each part of an adapter names its own."""


class ResultSink(Protocol):
    """The destination of statuses and results. Only the delivery thread calls a sink."""

    @property
    def is_connected(self) -> bool:
        """Whether the sink can send now."""

    @property
    def connection(self) -> int:
        """A number that changes with each new connection."""

    def send_status(self, run: Run) -> None:
        """Send a run's status to the server. The status may be lost. Raise DeliveryError."""

    def send_result(self, result: RunResult, acknowledged: Callable[[], None]) -> None:
        """Send a result and return at once. Raise DeliveryError.

        ``acknowledged`` is called, from any thread, when the server confirms the receipt.
        """


class Server(ResultSink, Protocol):
    """An adapter at work: hands the server's runs to the node, and the node's results back."""

    def start(self) -> None:
        """Start the thread that connects, and return at once."""

    def stop(self) -> None:
        """Disconnect; nothing is received or sent any more."""


class DeliveryError(Exception):
    """A message could not be sent; the connection is lost, or about to be."""
