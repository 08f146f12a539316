"""The part of the Socket.IO server that the dummy server's handlers use."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol


class Emitter(Protocol):
    """The part of socketio.AsyncServer that the handlers need."""

    async def emit(self, event: str, data: Any, *, to: str, callback: Any = None) -> None:
        """Send an event to one connection."""

    def on(self, event: str, handler: Any) -> Any:
        """Register the handler of an event."""


def short(sid: str) -> str:
    """Return as much of a connection's id as a reader of the log needs to tell them apart."""
    return sid[:8]


def pseudonym(sid: str) -> str:
    """Return a name for a connection that tells connections apart, but cannot be used as its id."""
    return hashlib.sha256(sid.encode()).hexdigest()[:16]
