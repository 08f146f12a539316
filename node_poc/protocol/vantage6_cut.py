"""PURE: JSON whose longest strings are left out while it is read, piece by piece.

A server's list of runs holds their inputs, each of any size, and so does each answer about a run.
As ordinary JSON a few of them fill a pod's memory, and the node would find them there again at its
next start.
"""

from __future__ import annotations

import io
import re
import secrets

#: What stands in the place of a string that was left out: nothing that anybody could send.
CUT = f"(left out: too long, {secrets.token_hex(16)})"
#: Longer strings are left out, in bytes of JSON.
LONGEST = 1024 * 1024
# All else that lists of twenty runs may have; as objects JSON takes up to 35 times its size.
_MOST_OUTSIDE = 2 * 1024 * 1024
_MOST = 64 * 1024 * 1024
# To the string's end, to the piece's end, or to a backslash that is the piece's last byte.
_CONTENT = re.compile(rb"(?:[^\"\\]++|\\.)*+", re.DOTALL)
_QUOTE = b'"'


class TooMuchError(Exception):
    """There is more of it than any answer has."""


class Cutter:
    """Leaves strings of JSON out. ``kept``: so many bytes of them are kept.

    ``cuts``: how many were left out; ``cut``: what was kept of them, one after the other.
    """

    def __init__(self, kept: int = 0) -> None:
        """Nothing was read yet."""
        self.cut = io.BytesIO()
        self.cuts = 0
        self._most_kept = kept
        self._text = io.BytesIO()
        self._string = io.BytesIO()
        self._in_string = False
        self._is_cut = False
        self._rest = b""
        self._outside = 0

    def update(self, piece: bytes) -> None:
        """Read a piece. Raises TooMuchError."""
        piece, self._rest = self._rest + piece, b""
        start = 0
        while start < len(piece):
            start = self._inside(piece, start) if self._in_string else self._between(piece, start)
        if self._text.tell() > _MOST or self._outside > _MOST_OUTSIDE:
            raise TooMuchError("it is larger than any answer of a vantage6 server")

    def finish(self) -> bytes:
        """The JSON without what was left out."""
        return self._text.getvalue()

    def _between(self, piece: bytes, start: int) -> int:
        found = piece.find(_QUOTE, start)
        end = len(piece) if found < 0 else found + 1
        self._text.write(piece[start:end])
        self._outside += end - start
        self._in_string = found >= 0
        return end

    def _inside(self, piece: bytes, start: int) -> int:
        found = _CONTENT.match(piece, start)
        assert found is not None  # noqa: S101  it matches nothing, too
        end = found.end()
        self._take(piece[start:end])
        if end == len(piece):
            return end
        if piece[end : end + 1] != _QUOTE:
            self._rest = piece[end:]
            return len(piece)
        self._text.write((CUT.encode() if self._is_cut else self._string.getvalue()) + _QUOTE)
        self._string = io.BytesIO()
        self._in_string = self._is_cut = False
        return end + 1

    def _take(self, content: bytes) -> None:
        if not self._is_cut:
            self._string.write(content)
            if self._string.tell() <= LONGEST:
                return
            self._is_cut = True
            self.cuts += 1
            content = self._string.getvalue()
            self._string = io.BytesIO()
        if not self._most_kept:
            return
        if self.cut.tell() + len(content) > self._most_kept:
            raise TooMuchError(f"it is larger than {self._most_kept >> 20} MiB")
        self.cut.write(content)
