"""What the pipeline needs of a server, whichever it is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from node_poc.runs.model import Run, RunResult, RunSpec


@dataclass(frozen=True)
class Answer:
    """What the node says to a command: ``status`` when accepted, ``reason`` when refused."""

    accepted: bool
    status: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Submission:
    """A well-formed run that a server asks for; ``answer`` is set by the engine, soon."""

    spec: RunSpec
    answer: Future[Answer]


@dataclass(frozen=True)
class KillOutcome:
    """What became of a wish to kill: ``killed``, ``already ended`` or ``unknown``."""

    run_id: int
    outcome: str
    status: str


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
