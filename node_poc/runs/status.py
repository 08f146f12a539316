"""vantage6's words for the state of a run.

Source: ``vantage6.common.task_status.TaskStatus`` of vantage6 4.x; a server accepts exactly these.
"""

from __future__ import annotations

from enum import StrEnum


class RunStatus(StrEnum):
    """The status of one run, in the server's spelling."""

    PENDING = "pending"
    INITIALIZING = "initializing"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    START_FAILED = "start failed"
    NO_DOCKER_IMAGE = "non-existing Docker image"
    CRASHED = "crashed"
    KILLED = "killed by user"
    NOT_ALLOWED = "not allowed"
    UNKNOWN_ERROR = "unknown error"

    @property
    def is_final(self) -> bool:
        """Whether the status is final: a run never leaves a final status."""
        return self not in _GOING


_GOING = frozenset({RunStatus.PENDING, RunStatus.INITIALIZING, RunStatus.ACTIVE})
