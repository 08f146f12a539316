"""What can go wrong with the Kubernetes API, without the client library's own types."""

from __future__ import annotations

import json
from typing import Any


class ClusterError(Exception):
    """A call of the Kubernetes API failed.

    Attributes:
        status: HTTP status; 0 when no answer came at all.
        reason: Kubernetes' word (``AlreadyExists``, ``Forbidden``), or the network's.
        message: what the API said, in one line.
        retry_after_seconds: how long it wants to be left alone; None if it does not say.
    """

    retry_after_seconds: float | None = None

    def __init__(self, call: str, status: int, reason: str, message: str) -> None:
        """``call`` names what was tried: verb and path."""
        super().__init__(f"{call}: {status or 'no answer'} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message

    @property
    def is_transient(self) -> bool:
        """Whether the same call may work a moment later."""
        return self.status in {0, 408, 429} or self.status >= 500


class NotFoundError(ClusterError):
    """There is no such object (404)."""


class ConflictError(ClusterError):
    """Somebody else was faster (409): the object, or a quota it counts against, was changed."""

    @property
    def is_transient(self) -> bool:
        """Whether the same call may work a moment later."""
        return True


class AlreadyThereError(ConflictError):
    """There is an object of this name already (409, AlreadyExists)."""

    @property
    def is_transient(self) -> bool:
        """Whether the same call may work a moment later."""
        return False


class ExpiredError(ClusterError):
    """The watch's place in history is gone (410): list again."""


_BY_STATUS: dict[int, type[ClusterError]] = {
    404: NotFoundError,
    409: ConflictError,
    410: ExpiredError,
}


def error_of(call: str, status: int, body: str, retry_after: str | None = None) -> ClusterError:
    """Make the error for an HTTP answer.

    Args:
        call: what was tried: verb and path.
        status: the answer's.
        body: a ``Status`` object in JSON, or any text.
        retry_after: the answer's header of that name.
    """
    try:
        told: Any = json.loads(body)
    except ValueError:
        told = None
    if isinstance(told, dict):
        reason, message = str(told.get("reason", "")), str(told.get("message", ""))
    else:
        reason, message = "", body[:500]
    kind = _BY_STATUS.get(status, ClusterError)
    if kind is ConflictError and reason == "AlreadyExists":
        kind = AlreadyThereError
    error = kind(call, status, reason, " ".join(message.split()))
    # Kubernetes sends whole seconds; a date, which HTTP allows as well, is left alone.
    if retry_after and retry_after.isascii() and retry_after.isdigit():
        error.retry_after_seconds = float(retry_after)
    return error
