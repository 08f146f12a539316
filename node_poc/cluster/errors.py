"""Errors of the Kubernetes API, independent of the client library's types."""

from __future__ import annotations

import json
from typing import Any

from node_poc.runs.digits import number_or_none


class ClusterError(Exception):
    """A call of the Kubernetes API failed.

    Attributes:
        status: HTTP status; 0 if there was no answer.
        reason: Kubernetes' reason (``AlreadyExists``, ``Forbidden``), or the network error's name.
        message: the API's message, in one line.
        retry_after_seconds: the API's ``Retry-After``; None if the answer has none.
    """

    retry_after_seconds: float | None = None

    def __init__(self, call: str, status: int, reason: str, message: str) -> None:
        """``call`` names the failed call: verb and path. The others are the attributes."""
        super().__init__(f"{call}: {status or 'no answer'} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message

    @property
    def is_transient(self) -> bool:
        """Whether the same call may work a moment later."""
        return self.status in {0, 408, 429} or self.status >= 500

    @property
    def is_forbidden(self) -> bool:
        """Whether the caller lacks the right for the call (403)."""
        return self.status == 403


class NotFoundError(ClusterError):
    """The object does not exist (404)."""


class ConflictError(ClusterError):
    """Another client changed the object, or a quota that limits the object, first (409)."""

    @property
    def is_transient(self) -> bool:
        """Whether the same call may work a moment later."""
        return True


class AlreadyThereError(ConflictError):
    """An object with the same name exists already (409, AlreadyExists)."""

    @property
    def is_transient(self) -> bool:
        """Whether the same call may work a moment later."""
        return False


class ExpiredError(ClusterError):
    """The API server no longer has the watch's resource version (410): list again."""


_BY_STATUS: dict[int, type[ClusterError]] = {
    404: NotFoundError,
    409: ConflictError,
    410: ExpiredError,
}


def error_of(call: str, status: int, body: str, retry_after: str | None = None) -> ClusterError:
    """Make the error for an HTTP answer.

    Args:
        call: the failed call: verb and path.
        status: HTTP status of the answer.
        body: body of the answer: a ``Status`` object in JSON, or any text.
        retry_after: the answer's ``Retry-After`` header.
    """
    try:
        answer: Any = json.loads(body)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        reason, message = str(answer.get("reason", "")), str(answer.get("message", ""))
    else:
        reason, message = "", body[:500]
    kind = _BY_STATUS.get(status, ClusterError)
    if kind is ConflictError and reason == "AlreadyExists":
        kind = AlreadyThereError
    error = kind(call, status, reason, " ".join(message.split()))
    # Kubernetes sends whole seconds; a date, which HTTP also allows, is ignored.
    if (seconds := number_or_none(retry_after)) is not None:
        error.retry_after_seconds = float(seconds)
    return error
