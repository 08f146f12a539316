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
    """

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
    """The object is there already, or was changed meanwhile (409)."""


class ExpiredError(ClusterError):
    """The watch's place in history is gone (410): list again."""


_BY_STATUS: dict[int, type[ClusterError]] = {
    404: NotFoundError,
    409: ConflictError,
    410: ExpiredError,
}


def error_of(call: str, status: int, body: str) -> ClusterError:
    """Make the error for an HTTP answer; ``body`` is a ``Status`` object in JSON, or any text."""
    try:
        told: Any = json.loads(body)
    except ValueError:
        told = None
    if isinstance(told, dict):
        reason, message = str(told.get("reason", "")), str(told.get("message", ""))
    else:
        reason, message = "", body[:500]
    kind = _BY_STATUS.get(status, ClusterError)
    return kind(call, status, reason, " ".join(message.split()))
