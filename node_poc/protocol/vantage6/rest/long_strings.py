"""PURE: read JSON piece by piece and leave out the longest strings.

A server's list of runs contains the runs' inputs of any size, and each answer about a run contains
the run's input. With ordinary JSON a few inputs would fill the pod's memory, and the node would
meet the same inputs again at its next start.
"""

from __future__ import annotations

import io
import re
import secrets

# A string left out is replaced by the mark and a number. Nobody can send the random mark.
_MARK = f"left out, {secrets.token_hex(16)}: "
#: The length, in bytes of JSON, above which a string is left out.
LONGEST = 1024 * 1024
# The limit for everything outside of strings in a list of twenty runs. Parsed JSON takes up to 35
# times its size in memory.
_MOST_OUTSIDE = 2 * 1024 * 1024
_MOST = 64 * 1024 * 1024
# Matches to the string's end, to the piece's end, or to a backslash as the piece's last byte.
_CONTENT = re.compile(rb"(?:[^\"\\]++|\\.)*+", re.DOTALL)
_QUOTE = b'"'


def is_left_out(text: str) -> bool:
    """Return whether a parsed string stands for a string that was left out."""
    return text.startswith(_MARK)


class TooMuchError(Exception):
    """The JSON, or a string to keep, is larger than allowed."""


class Cutter:
    """Leaves long strings out of JSON, and keeps them separately on demand."""

    def __init__(self, kept: int = 0) -> None:
        """``kept`` is the limit, in bytes, for keeping the left-out strings; 0 keeps none."""
        self._left_out: list[io.BytesIO] = []
        self._most_kept = kept
        self._kept = 0
        self._text = io.BytesIO()
        self._string = io.BytesIO()
        self._in_string = False
        self._is_cut = False
        self._rest = b""
        self._outside = 0

    def update(self, piece: bytes) -> None:
        """Read a piece of JSON. Raise TooMuchError if the JSON becomes too large."""
        piece, self._rest = self._rest + piece, b""
        start = 0
        while start < len(piece):
            start = self._inside(piece, start) if self._in_string else self._between(piece, start)
        if self._text.tell() > _MOST or self._outside > _MOST_OUTSIDE:
            raise TooMuchError("it is larger than any answer of a vantage6 server")

    def finish(self) -> bytes:
        """Return the JSON without the left-out strings."""
        return self._text.getvalue()

    def kept(self, text: str) -> bytes | None:
        """Return the left-out string that ``text`` stands for, as JSON; None for other texts."""
        number = text.removeprefix(_MARK)
        return None if number == text else self._left_out[int(number)].getvalue()

    def _between(self, piece: bytes, start: int) -> int:
        found = piece.find(_QUOTE, start)
        end = len(piece) if found < 0 else found + 1
        self._text.write(piece[start:end])
        self._outside += end - start
        self._in_string = found >= 0
        return end

    def _inside(self, piece: bytes, start: int) -> int:
        found = _CONTENT.match(piece, start)
        assert found is not None  # noqa: S101  the pattern also matches the empty string
        end = found.end()
        self._take(piece[start:end])
        if end == len(piece):
            return end
        if piece[end : end + 1] != _QUOTE:
            self._rest = piece[end:]
            return len(piece)
        mark = f"{_MARK}{len(self._left_out) - 1}".encode()
        self._text.write((mark if self._is_cut else self._string.getvalue()) + _QUOTE)
        self._string = io.BytesIO()
        self._in_string = self._is_cut = False
        return end + 1

    def _take(self, content: bytes) -> None:
        if not self._is_cut:
            self._string.write(content)
            if self._string.tell() <= LONGEST:
                return
            self._is_cut = True
            self._left_out.append(io.BytesIO())
            content = self._string.getvalue()
            self._string = io.BytesIO()
        if not self._most_kept:
            return
        self._kept += self._left_out[-1].write(content)
        if self._kept > self._most_kept:
            raise TooMuchError(f"it is larger than {self._most_kept >> 20} MiB")
