"""The part of the Socket.IO server that the dummy server's handlers use."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol


class Emitter(Protocol):
    """The methods of socketio.AsyncServer that the handlers call."""

    async def emit(self, event: str, data: Any, *, to: str, callback: Any = None) -> None:
        """Send an event to one connection."""

    def on(self, event: str, handler: Any) -> Any:
        """Register the handler of an event."""


def short(sid: str) -> str:
    """Return the start of a connection's id, enough to tell connections apart in the log."""
    return sid[:8]


def pseudonym(sid: str) -> str:
    """Return a name that tells connections apart, but cannot be used as a connection's id."""
    return hashlib.sha256(sid.encode()).hexdigest()[:16]
