"""PURE: what must be known of a run's task until its end, and whether a server means the same task.

Numbers alone do not tell: a server that was set up anew, or that got an older database back, gives
the same ones again, to other people's tasks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from node_poc.protocol.vantage6.run_request import RunRequest

# Names in ``RunSpec.origin``.
SERVER = "server"
CREATED_AT = "created_at"
ASSIGNED_AT = "assigned_at"
IN_BLOBS = "blob_storage_used"


@dataclass(frozen=True)
class RunOrigin:
    """A run's task. ``server`` and ``created_at`` are empty if an older node did not note them.

    ``assigned_at``: when the server made the run. ``in_blobs``: the run's payloads lie in the
    server's blob store.
    """

    task_id: int
    parent_id: int | None
    init_org_id: int
    server: str = ""
    created_at: str = ""
    assigned_at: str = ""
    in_blobs: bool = False

    @classmethod
    def from_origin(cls, origin: dict[str, str]) -> RunOrigin:
        """Of ``RunSpec.origin``. Raises KeyError or ValueError for a run of another server."""
        parent = origin["parent_id"]
        return cls(
            task_id=int(origin["task_id"]),
            parent_id=int(parent) if parent else None,
            init_org_id=int(origin["init_org_id"]),
            server=origin.get(SERVER, ""),
            created_at=origin.get(CREATED_AT, ""),
            assigned_at=origin.get(ASSIGNED_AT, ""),
            in_blobs=bool(origin.get(IN_BLOBS)),
        )

    @classmethod
    def of(cls, request: RunRequest, server: str = "") -> RunOrigin:
        """Of a run as the server at this address lists it."""
        return cls(
            task_id=request.task_id,
            parent_id=request.parent_id,
            init_org_id=request.init_org_id,
            server=server,
            created_at=request.created_at,
            assigned_at=request.assigned_at,
            in_blobs=request.blob_storage_used,
        )

    def is_same(self, other: RunOrigin) -> bool:
        """Whether both are one task. What is not known is trusted.

        A server that only got another address is the same: its tasks are as old as before. The
        address tells only where a server does not say when it made a task.
        """
        if self.task_id != other.task_id:
            return False
        if self.created_at and other.created_at:
            return _same_moment(self.created_at, other.created_at)
        return not (self.server and other.server) or self.server == other.server

    def is_before(self, other: RunOrigin) -> bool:
        """Whether the other is known to be a task that its server made later."""
        if not (self.created_at and other.created_at) or self.is_same(other):
            return False
        try:
            return _moment(self.created_at) < _moment(other.created_at)
        except ValueError:
            return False

    def not_before_assigned(self, seconds: float) -> float:
        """A time of this run, in seconds since the epoch, but never before the server made it.

        The clocks of server and node may differ.
        """
        try:
            return max(seconds, _moment(self.assigned_at).timestamp())
        except ValueError:
            return seconds


def _same_moment(one: str, other: str) -> bool:
    """Whether both are one time. After a database was moved, it may have less of its fraction."""
    try:
        apart = abs((_moment(one) - _moment(other)).total_seconds())
    except ValueError:
        return one == other
    return apart < 10.0 ** -min(_digits(one), _digits(other))


def _digits(text: str) -> int:
    """How many digits of a second's fraction a time has."""
    found = re.search(r"\.(\d+)", text)
    return len(found[1]) if found else 0


def _moment(text: str) -> datetime:
    """A time as servers spell it; UTC if it names no zone. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
