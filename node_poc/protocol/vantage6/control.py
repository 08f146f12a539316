"""PURE: the requests that each part of the adapter makes of the node, put together from ports."""

from __future__ import annotations

from typing import Protocol

from node_poc.runs.ports import (
    DockerVerbs,
    KnownRuns,
    LogReader,
    RefusalNotes,
    ResultFiles,
    ResultReader,
    RunKiller,
    RunTaker,
)


class PreparerControl(RunTaker, KnownRuns, Protocol):
    """The requests of ``RunPreparer``."""


class KnownRunsControl(KnownRuns, RunKiller, ResultReader, Protocol):
    """The requests of ``KnownRunCheck``."""


class ReportsControl(RunKiller, RefusalNotes, KnownRuns, ResultFiles, Protocol):
    """The requests of ``Reports`` and its parts."""


class Vantage6Control(
    RunTaker,
    RefusalNotes,
    RunKiller,
    KnownRuns,
    LogReader,
    ResultReader,
    ResultFiles,
    DockerVerbs,
    Protocol,
):
    """All requests of the adapter."""
