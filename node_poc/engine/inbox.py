"""The engine's inbox: any thread posts messages, the engine's thread takes them in order."""

from __future__ import annotations

import queue

from node_poc.engine.messages import Message


class Closed:
    """The last item of an inbox: the engine's thread ends when it takes this item."""


_CLOSED = Closed()


class Inbox:
    """The messages that the engine has not handled yet. Thread-safe."""

    def __init__(self) -> None:
        """Create an empty inbox, which takes messages before the engine starts."""
        self._items: queue.SimpleQueue[Message | Closed] = queue.SimpleQueue()

    def post(self, message: Message) -> None:
        """Hand a message to the engine; return at once."""
        self._items.put(message)

    def close(self) -> None:
        """Let the engine's thread end after the messages posted so far."""
        self._items.put(_CLOSED)

    def take(self, within_seconds: float) -> Message | Closed | None:
        """Return the next message, or None if no message comes ``within_seconds``."""
        try:
            return self._items.get(timeout=within_seconds)
        except queue.Empty:
            return None
