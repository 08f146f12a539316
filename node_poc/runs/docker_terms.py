"""PURE: the values that vantage6's ``DockerManager`` returns and takes, under its own names.

Sources: ``Result`` and ``KilledRun`` of ``vantage6.node.docker.docker_manager`` 4.x, ``ToBeKilled``
of the 5.x ``ContainerManager``. ``task_id``, ``parent_id`` and ``organization_id`` are facts of the
server that a run carries in ``RunSpec.origin`` under these names; None where a server has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from node_poc.runs.digits import number_or_none
from node_poc.runs.status import RunStatus

TASK_ID = "task_id"
PARENT_ID = "parent_id"


@dataclass(frozen=True)
class Result:
    """Log, data and status of an ended run. ``data`` is empty if the run left no single result."""

    run_id: int
    task_id: int | None
    logs: str
    data: bytes = field(repr=False)
    status: RunStatus
    parent_id: int | None


@dataclass(frozen=True)
class ToBeKilled:
    """One entry of a kill list."""

    run_id: int
    task_id: int | None = None
    organization_id: int | None = None


@dataclass(frozen=True)
class KilledRun:
    """One run that a kill request has ended, or is ending."""

    run_id: int
    task_id: int | None
    parent_id: int | None


def number_in(origin: Mapping[str, str], name: str) -> int | None:
    """Return a number of a run's origin; None if the server gave none."""
    return number_or_none(origin.get(name))
