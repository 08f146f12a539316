"""PURE: the facts about a run's task that the node keeps, and the comparison of two tasks.

Ids alone do not identify a task: a server that was set up anew, or whose database was restored from
an older backup, gives the same ids to other people's tasks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from node_poc.audit.events import INIT_ORGANIZATION, INIT_USER
from node_poc.protocol.vantage6.run_request import RunRequest
from node_poc.runs.digits import number_or_none
from node_poc.runs.docker_terms import PARENT_ID, TASK_ID

# Keys of ``RunSpec.origin``.
SERVER = "server"
CREATED_AT = "created_at"
ASSIGNED_AT = "assigned_at"
IN_BLOBS = "blob_storage_used"


@dataclass(frozen=True)
class RunOrigin:
    """The facts about a run's task.

    Args:
        task_id: the task's id.
        parent_id: the id of the parent task, or None.
        init_org_id: the id of the organization that posted the task.
        server: the server's address; empty if an older node did not note the address.
        created_at: the time when the server made the task; empty if an older node noted no time.
        assigned_at: the time when the server made the run.
        in_blobs: whether the run's payloads are in the server's blob store.
        init_user_id: the id of the user who posted the task; None if the server names none.
    """

    task_id: int
    parent_id: int | None
    init_org_id: int
    server: str = ""
    created_at: str = ""
    assigned_at: str = ""
    in_blobs: bool = False
    init_user_id: int | None = None

    @classmethod
    def from_origin(cls, origin: dict[str, str]) -> RunOrigin:
        """Return the facts in ``RunSpec.origin``.

        Raise KeyError or ValueError for a run from another kind of server.
        """
        parent = origin["parent_id"]
        return cls(
            task_id=int(origin["task_id"]),
            parent_id=int(parent) if parent else None,
            init_org_id=int(origin["init_org_id"]),
            server=origin.get(SERVER, ""),
            created_at=origin.get(CREATED_AT, ""),
            assigned_at=origin.get(ASSIGNED_AT, ""),
            in_blobs=bool(origin.get(IN_BLOBS)),
            init_user_id=number_or_none(origin.get(INIT_USER)),
        )

    @classmethod
    def of(cls, request: RunRequest, server: str = "") -> RunOrigin:
        """Return the facts about a run that the server at the address ``server`` lists."""
        return cls(
            task_id=request.task_id,
            parent_id=request.parent_id,
            init_org_id=request.init_org_id,
            server=server,
            created_at=request.created_at,
            assigned_at=request.assigned_at,
            in_blobs=request.blob_storage_used,
            init_user_id=request.init_user_id,
        )

    def asked(self) -> dict[str, str]:
        """Return the requester of the run under the keys of ``RunSpec.origin``."""
        facts = {
            TASK_ID: self.task_id,
            PARENT_ID: self.parent_id,
            INIT_ORGANIZATION: self.init_org_id,
            INIT_USER: self.init_user_id,
        }
        return {name: str(value) for name, value in facts.items() if value is not None}

    def is_same(self, other: RunOrigin) -> bool:
        """Return whether both describe the same task. Unknown facts count as equal.

        A server with a new address is still the same server, and the creation times of its tasks
        are the same. The addresses are compared only where a creation time is unknown.
        """
        if self.task_id != other.task_id:
            return False
        if self.created_at and other.created_at:
            return _same_moment(self.created_at, other.created_at)
        return not (self.server and other.server) or self.server == other.server

    def is_before(self, other: RunOrigin) -> bool:
        """Return whether the other task is another and known to be made later than this task."""
        if not (self.created_at and other.created_at) or self.is_same(other):
            return False
        try:
            return _moment(self.created_at) < _moment(other.created_at)
        except ValueError:
            return False

    def not_before_assigned(self, seconds: float) -> float:
        """Return the time ``seconds`` (since the epoch), or the run's ``assigned_at`` if later.

        The clocks of server and node may differ.
        """
        try:
            return max(seconds, _moment(self.assigned_at).timestamp())
        except ValueError:
            return seconds


def _same_moment(one: str, other: str) -> bool:
    """Return whether both times are equal. A moved database may have lost digits of the seconds."""
    try:
        apart = abs((_moment(one) - _moment(other)).total_seconds())
    except ValueError:
        return one == other
    return apart < 10.0 ** -min(_digits(one), _digits(other))


def _digits(text: str) -> int:
    """Return the number of digits after the decimal point of a time's seconds."""
    found = re.search(r"\.(\d+)", text)
    return len(found[1]) if found else 0


def _moment(text: str) -> datetime:
    """Return a server's time; a time without a zone is UTC. Raise ValueError if not a time."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
