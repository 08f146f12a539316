"""Large payloads, be they inputs or results, are in memory one at a time: the pod's is limited."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from node_poc.protocol.vantage6.errors import UnreachableError

#: Up to this size a few payloads may be in memory at once.
SMALL_BYTES = 4 * 1024 * 1024
#: The largest payload; it takes up to three times its size.
MAX_BYTES = 100 * 1024 * 1024
#: The same as the server's text: base64, and the header if it is encrypted.
MAX_TEXT_BYTES = MAX_BYTES // 3 * 4 + 8192
# So long one waits for its turn before it is put off: small ones stand behind it.
_WAIT_SECONDS = 1.0


class Turn:
    """Whose turn it is."""

    def __init__(self) -> None:
        """It is nobody's."""
        self._taken = threading.Lock()

    @contextmanager
    def of(self, size: int) -> Iterator[None]:
        """Hold a payload of so many bytes meanwhile. Raises as ``large``; small ones never wait."""
        if size <= SMALL_BYTES:
            yield
            return
        with self.large():
            yield

    @contextmanager
    def large(self) -> Iterator[None]:
        """Hold a large payload meanwhile. Raises UnreachableError: try again later."""
        if not self._taken.acquire(timeout=_WAIT_SECONDS):
            raise UnreachableError("another large payload is on its way: this one waits for it")
        try:
            yield
        finally:
            self._taken.release()
