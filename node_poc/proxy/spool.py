"""Hold bodies that must be complete before processing: small ones in memory, large ones on disk.

A large body is a file without a name, so no file is left behind, and is read through a memory map:
the proxy's memory does not grow with the bodies.
"""

from __future__ import annotations

import mmap
import tempfile
import threading
from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType

from node_poc.proxy.json_parts import Buffer
from node_poc.proxy.refusals import RequestRefusedError

_IN_MEMORY_BYTES = 1 << 18


class SpoolBudget:
    """How much disk space all bodies together, and the bodies of one caller, may take at one time.

    A caller also takes at most half of the space that the other callers leave, so a later caller
    always finds space. Bodies in memory do not count; the number of connections limits them.
    """

    def __init__(self, total_bytes: int, bytes_of_one: int) -> None:
        self._free_bytes = total_bytes
        self._bytes_of_one = bytes_of_one
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, caller: str, size: int) -> None:
        """Take disk space. Raise RequestRefusedError if there is not enough."""
        with self._lock:
            if self._taken[caller] + size > self._bytes_of_one:
                raise RequestRefusedError(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    "what this proxy must keep of one algorithm's requests and their answers is "
                    f"more than {self._bytes_of_one} bytes; send or ask for less at one time",
                )
            if self._taken[caller] + size > (self._free_bytes + self._taken[caller]) // 2:
                raise RequestRefusedError(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "the proxy has too many big requests in hand; ask again later",
                )
            self._free_bytes -= size
            self._taken[caller] += size

    def give_back(self, caller: str, size: int) -> None:
        """Give back disk space."""
        with self._lock:
            self._free_bytes += size
            self._taken[caller] -= size
            if not self._taken[caller]:
                del self._taken[caller]


class Spool:
    """One body. A context manager: leaving the context frees the body's disk space and budget.

    Only one thread at a time may call `write`.
    """

    def __init__(
        self, budget: SpoolBudget, caller: str, limit_bytes: int, too_big: RequestRefusedError
    ) -> None:
        """Start an empty body; `write` raises `too_big` for a body of more than `limit_bytes`."""
        self._budget = budget
        self._caller = caller
        self._limit_bytes = limit_bytes
        self._too_big = too_big
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115
        self._map: mmap.mmap | None = None
        self._counted_bytes = 0
        self.size = 0

    def __enter__(self) -> Spool:
        return self

    def write(self, piece: bytes) -> None:
        """Append a piece. Raise RequestRefusedError if body or caller's share gets too large."""
        if self.size + len(piece) > self._limit_bytes:
            raise self._too_big
        size = self.size + len(piece)
        if size > _IN_MEMORY_BYTES:
            self._budget.take(self._caller, size - self._counted_bytes)
            self._counted_bytes = size
        self.size = size
        self._file.write(piece)

    def buffer(self) -> Buffer:
        """Return the whole body. After `buffer`, nothing can be written."""
        if self.size <= _IN_MEMORY_BYTES:
            self._file.seek(0)
            return self._file.read()
        if self._map is None:
            self._file.flush()
            self._map = mmap.mmap(self._file.fileno(), self.size, access=mmap.ACCESS_READ)
        return self._map

    @property
    def is_on_disk(self) -> bool:
        """Whether `write` may wait for a disk."""
        return self.size > _IN_MEMORY_BYTES

    def read(self, start: int, size: int) -> bytes:
        """Return a piece of the body, for sending."""
        self._file.seek(start)
        return self._file.read(size)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._budget.give_back(self._caller, self._counted_bytes)
        if self._map is not None:
            with suppress(BufferError):  # a view of the map is in use: the map closes later
                self._map.close()
        self._file.close()
