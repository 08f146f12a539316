"""PURE: what must be known of a run's task until its end, and whether a server means the same task.

Numbers alone do not tell: a server that was set up anew, or that got an older database back, gives
the same ones again, to other people's tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from node_poc.protocol.vantage6_request import RunRequest

# Names in ``RunSpec.origin``.
SERVER = "server"
CREATED_AT = "created_at"
IN_BLOBS = "blob_storage_used"

# The same moment may come with less of its fraction, after the server's database was moved.
_SAME_SECONDS = 1.0


@dataclass(frozen=True)
class RunOrigin:
    """A run's task. ``server`` and ``created_at`` are empty if an older node did not note them.

    ``in_blobs``: the run's payloads lie in the server's blob store.
    """

    task_id: int
    parent_id: int | None
    init_org_id: int
    server: str = ""
    created_at: str = ""
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
            in_blobs=bool(origin.get(IN_BLOBS)),
        )

    @classmethod
    def of(cls, request: RunRequest, server: str = "") -> RunOrigin:
        """Of a run as the server at this address lists it."""
        return cls(
            request.task_id, request.parent_id, request.init_org_id, server, request.created_at
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


def _same_moment(one: str, other: str) -> bool:
    try:
        return abs((_moment(one) - _moment(other)).total_seconds()) < _SAME_SECONDS
    except ValueError:
        return one == other


def _moment(text: str) -> datetime:
    """A time as servers spell it; UTC if it names no zone. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
