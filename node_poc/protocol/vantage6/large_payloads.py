"""Limits memory use: only one large payload, input or result, is in the pod's memory at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from node_poc.protocol.vantage6.errors import UnreachableError

#: Up to this size a few payloads may be in memory at once.
SMALL_BYTES = 4 * 1024 * 1024
#: The largest payload, in bytes. A payload takes up to three times its size in memory.
MAX_BYTES = 100 * 1024 * 1024
#: The largest payload as the server's text: base64, with a header if the text is encrypted.
MAX_TEXT_BYTES = MAX_BYTES // 3 * 4 + 8192
# After this wait a large payload is postponed, because small payloads wait behind it.
_WAIT_SECONDS = 1.0


class LargePayloadLock:
    """A lock that the holder of a large payload owns."""

    def __init__(self) -> None:
        """Start unlocked."""
        self._taken = threading.Lock()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Hold a payload of ``size`` bytes during the ``with`` block; a small payload never waits.

        Raise UnreachableError as ``hold_large`` does.
        """
        if size <= SMALL_BYTES:
            yield
            return
        with self.hold_large():
            yield

    @contextmanager
    def hold_large(self) -> Iterator[None]:
        """Hold the only large payload during the ``with`` block.

        Raise UnreachableError if another payload keeps the lock; the caller tries again later.
        """
        if not self._taken.acquire(timeout=_WAIT_SECONDS):
            raise UnreachableError("another large payload is on its way: this one waits for it")
        try:
            yield
        finally:
            self._taken.release()
