"""What can go wrong with a vantage6 server. No text holds a token, a key or data."""

from __future__ import annotations


class ServerError(Exception):
    """The server did not do what it was asked for."""


class UnreachableError(ServerError):
    """No answer, or one that tells of trouble at the server: the same may work later."""


class BodyTooLargeError(UnreachableError):
    """A gateway before the server takes no body of this size: it may be set up anew, or not."""


class RefusedError(ServerError):
    """The server understood and says no (4xx, 501); the same again gets the same answer."""

    def __init__(self, text: str, status: int) -> None:
        """``status`` is HTTP's."""
        super().__init__(text)
        self.status = status


class AlreadyFinishedError(RefusedError):
    """The run has ended at the server, which takes nothing more of it."""


class LoginRefusedError(ServerError):
    """The server does not know this node's API key."""


class StoreAwayError(Exception):
    """An algorithm store gave no answer that means anything; it is no part of the server."""


class RegistryAwayError(Exception):
    """A registry gave no answer that means anything; it is no part of the server."""


class FatalError(Exception):
    """The node cannot work with this server as it is configured; the text names the remedy."""
