"""PURE: cut the long strings out of JSON, piece by piece.

Payloads are strings of any size inside JSON. With ordinary JSON a few of them would fill the
memory. Cut JSON is small, with a placeholder in place of each long string, and is parsed as usual.
"""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Callable

# Matches to the string's end, to the piece's end, or to a backslash as the piece's last byte.
_CONTENT = re.compile(rb"(?:[^\"\\]++|\\.)*+", re.DOTALL)
# All that stands between strings, and whole short strings without a backslash. One match takes
# thousands of them: a step of Python for each would be slow.
_SIMPLE = rb'(?:[^"]++|"[^"\\]{0,%d}+")*+'
_SIMPLE_BYTES = 255
_SIMPLE_STRING = re.compile(rb'"([^"]*+)"')
_QUOTE, _BACKSLASH = b'"', b"\\"


def new_mark(word: str) -> str:
    """Return the start of placeholders. Nobody outside can know the mark, so no string equals it.

    Args:
        word: a word without characters that JSON escapes, for people who see a placeholder.
    """
    return f"{word}, {secrets.token_hex(16)}: "


class LongStringCutter:
    """Replaces each long string of a JSON text by a placeholder: the mark and a number from 0.

    Attributes:
        spans: the place of each long string in the JSON: the offset of its first byte, and of the
            quote at its end.
        outside_bytes: the number of bytes outside of strings, with the quotes.
        short_bytes: the number of bytes that are in no long string.
    """

    def __init__(
        self, mark: str, longest: int, keep: Callable[[int, bytes], None] | None = None
    ) -> None:
        """Start before the first byte of the JSON.

        Args:
            mark: see ``new_mark``.
            longest: the length, in bytes of JSON, above which a string is long.
            keep: called with the number and each piece of a long string.
        """
        self._mark = mark
        self._longest = longest
        self._simple = re.compile(_SIMPLE % min(longest, _SIMPLE_BYTES))
        self._keep = keep
        self._text = io.BytesIO()
        self._string = io.BytesIO()
        self._count = 0  # long strings, the one being read too
        self._in_string = False
        self._is_long = False
        self._rest = b""
        self._offset = 0  # of the piece being read
        self._first = 0  # offset of the string being read
        self.spans: list[tuple[int, int]] = []
        self.outside_bytes = 0
        self.short_bytes = 0

    def update(self, piece: bytes) -> None:
        """Read a piece of JSON. Raise the errors of ``keep``."""
        piece, self._offset = self._rest + piece, self._offset - len(self._rest)
        self._rest = b""
        start = 0
        while start < len(piece):
            start = self._inside(piece, start) if self._in_string else self._between(piece, start)
        self._offset += len(piece)

    def text(self) -> bytes:
        """Return the JSON with placeholders, up to the last string that has ended."""
        return self._text.getvalue()

    def _between(self, piece: bytes, start: int) -> int:
        end = _end_of(self._simple, piece, start)
        self._in_string = end < len(piece)  # at the quote of a string for `_inside`
        simple = piece[start:end]
        end += self._in_string
        self._first = self._offset + end
        self._text.write(piece[start:end])
        self.short_bytes += end - start
        self.outside_bytes += end - start - sum(map(len, _SIMPLE_STRING.findall(simple)))
        return end

    def _inside(self, piece: bytes, start: int) -> int:
        quote = piece.find(_QUOTE, start)
        end = len(piece) if quote < 0 else quote
        if piece.find(_BACKSLASH, start, end) >= 0:
            end = _end_of(_CONTENT, piece, start)
        self._take(piece[start:end])
        if end == len(piece):
            return end
        if piece[end : end + 1] != _QUOTE:
            self._rest = piece[end:]
            return len(piece)
        if self._is_long:
            self.spans.append((self._first, self._offset + end))
            self._text.write(f"{self._mark}{self._count - 1}".encode())
        else:
            self._text.write(self._string.getvalue())
            self._string = io.BytesIO()
        self._text.write(_QUOTE)
        self.short_bytes += 1
        self.outside_bytes += 1
        self._in_string = self._is_long = False
        return end + 1

    def _take(self, content: bytes) -> None:
        if not self._is_long:
            self._string.write(content)
            self.short_bytes += len(content)
            if self._string.tell() <= self._longest:
                return
            self._is_long = True
            self._count += 1
            content = self._string.getvalue()
            self._string = io.BytesIO()
            self.short_bytes -= len(content)
        if self._keep is not None:
            self._keep(self._count - 1, content)


def _end_of(pattern: re.Pattern[bytes], piece: bytes, start: int) -> int:
    found = pattern.match(piece, start)
    assert found is not None  # noqa: S101  both patterns also match the empty string
    return found.end()
