"""Errors of talking to a vantage6 server. No error text contains a token, a key or data."""

from __future__ import annotations


class ServerError(Exception):
    """The server did not fulfil a request."""


class UnreachableError(ServerError):
    """The server did not answer, or has trouble; the same request may succeed later."""


class BodyTooLargeError(UnreachableError):
    """A gateway before the server refuses a body of this size; its limit may change later."""


class RefusedByServerError(ServerError):
    """The server refused a request (4xx, 501) and would refuse the same request again."""

    def __init__(self, text: str, status: int) -> None:
        """``status`` is the HTTP status."""
        super().__init__(text)
        self.status = status


class AlreadyFinishedError(RefusedByServerError):
    """The run has ended at the server, which accepts no more changes to the run."""


class LoginRefusedError(ServerError):
    """The server does not know this node's API key."""


class StoreAwayError(Exception):
    """An algorithm store, which is no part of the server, gave no usable answer."""


class FatalError(Exception):
    """The node's configuration does not suit the server; the text names the remedy."""
