"""PURE: find where each request of a connection starts and ends in the stream of bytes.

aiohttp reads on while it handles a request: 31 more requests may follow, each with headers of
megabytes. The proxy therefore finds the end of each head and body, hands on one request at a time,
and limits the size of a head before aiohttp sees any byte of the head. aiohttp alone interprets the
head. If the proxy and aiohttp disagree about the end of a body, aiohttp waits for bytes that never
come, and the request ends by its timeout.
"""

from __future__ import annotations

import re
from enum import Enum, auto

_HEAD_END = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"(?im)^(content-length|transfer-encoding)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$")
_NUMBER = re.compile(rb"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
# Bytes to read at one time while the length is not known yet.
_STEP_BYTES = 4096
_PIECE_BYTES = 1 << 16
# Limits of a chunk-size line with its extension, and of all lines of a trailer: no real client
# needs more.
_LINE_BYTES = 256
_TRAILER_BYTES = 4096


class HeadTooLargeError(Exception):
    """A head has too many bytes or lines; the message says which."""


class _Part(Enum):
    HEAD = auto()
    BODY = auto()
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    OVER = auto()


class Framing:
    """The requests of one connection, one after the other.

    `take` returns the bytes that may be handed on, and keeps an unfinished head back. Once
    `is_over` is true, `take` accepts nothing until `begin` is called.
    """

    def __init__(self, head_bytes: int, head_lines: int) -> None:
        """Set the limits of a head.

        Args:
            head_bytes: most bytes of a head.
            head_lines: most lines after the request line.
        """
        self._head_bytes = head_bytes
        self._head_lines = head_lines
        self.begin()

    def begin(self) -> None:
        """Expect the next request."""
        self._part = _Part.HEAD
        self._head = bytearray()
        self._line = b""
        self._remaining = 0
        self._trailer_bytes = 0
        self.head_size = 0

    @property
    def is_over(self) -> bool:
        """Whether the last byte of the request has come."""
        return self._part is _Part.OVER

    @property
    def is_in_head(self) -> bool:
        """Whether the head of the request is still incomplete."""
        return self._part is _Part.HEAD

    @property
    def wanted_bytes(self) -> int:
        """How many bytes to read at one time; a small number keeps the next request out."""
        if self._part in (_Part.BODY, _Part.DATA):
            return min(self._remaining, _PIECE_BYTES)
        return _STEP_BYTES

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the bytes of `data` that may be handed on, and the bytes of the next request.

        Raises:
            HeadTooLargeError: nothing more can be taken.
        """
        ready = []
        while data and self._part is not _Part.OVER:
            step = self._take_head if self._part is _Part.HEAD else self._take_body
            piece, data = step(data)
            ready.append(piece)
        return b"".join(ready), data

    def _take_head(self, data: bytes) -> tuple[bytes, bytes]:
        if not self._head:
            data = data.lstrip(b"\r\n")  # blank lines before a request mean nothing
        looked_at = max(0, len(self._head) - 2)
        self._head += data
        found = _HEAD_END.search(self._head, looked_at)
        end = found.end() if found else len(self._head)
        if end > self._head_bytes:
            raise HeadTooLargeError(f"the request's head has more than {self._head_bytes} bytes")
        if self._head.count(b"\n", 0, end) > self._head_lines + 2:
            raise HeadTooLargeError(f"the request has more than {self._head_lines} headers")
        self.head_size = end
        if not found:
            return b"", b""
        head, rest = bytes(self._head[:end]), bytes(self._head[end:])
        self._head = bytearray()
        self._begin_body(head)
        return head, rest

    def _begin_body(self, head: bytes) -> None:
        fields = [(found[1].lower(), found[2]) for found in _FIELD.finditer(head)]
        self._part = _Part.OVER  # also if aiohttp refuses the head: no more bytes are handed on
        match fields:
            case [(b"content-length", value)] if _NUMBER.fullmatch(value):
                self._remaining = int(value)
                self._part = _Part.BODY if self._remaining else _Part.OVER
            case [(b"transfer-encoding", value)] if value.lower() == b"chunked":
                self._part = _Part.SIZE

    def _take_body(self, data: bytes) -> tuple[bytes, bytes]:
        if self._part in (_Part.BODY, _Part.DATA):
            piece, data = data[: self._remaining], data[self._remaining :]
            self._remaining -= len(piece)
            if not self._remaining:
                self._part = _Part.OVER if self._part is _Part.BODY else _Part.DATA_END
            return piece, data
        line, ended, data = data.partition(b"\n")
        self._line += line[: _LINE_BYTES + 1]
        if len(self._line) > _LINE_BYTES:
            self._part = _Part.OVER
            return b"", b""
        if ended:
            self._end_line(self._line.removesuffix(b"\r"))
            self._line = b""
        return line + ended, data

    def _end_line(self, line: bytes) -> None:
        match self._part:
            case _Part.SIZE:
                size = line.partition(b";")[0].strip()
                known = _CHUNK_SIZE.fullmatch(size)
                self._remaining = int(size, 16) if known else 0
                after = _Part.DATA if self._remaining else _Part.TRAILER
                self._part = after if known else _Part.OVER
            case _Part.DATA_END:
                self._part = _Part.OVER if line else _Part.SIZE
            case _:
                self._trailer_bytes += len(line)
                if not line or self._trailer_bytes > _TRAILER_BYTES:
                    self._part = _Part.OVER
