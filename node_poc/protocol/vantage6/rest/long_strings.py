"""PURE: leave the longest strings out of a server's answers.

A server's list of runs contains the runs' inputs of any size, and each answer about a run contains
the run's input. With ordinary JSON a few inputs would fill the pod's memory, and the node would
meet the same inputs again at its next start.
"""

from __future__ import annotations

import io
from collections import defaultdict

from node_poc.crypto.string_cutter import LongStringCutter, new_mark

_MARK = new_mark("left out")
#: The length, in bytes of JSON, above which a string is left out.
LONGEST = 1024 * 1024
# The limit for everything outside of strings in a list of twenty runs. Parsed JSON takes up to 35
# times its size in memory.
_MOST_OUTSIDE = 2 * 1024 * 1024
_MOST = 64 * 1024 * 1024


def is_left_out(text: str) -> bool:
    """Return whether a parsed string stands for a string that was left out."""
    return text.startswith(_MARK)


class TooMuchError(Exception):
    """The JSON, or a string to keep, is larger than allowed."""


class AnswerCutter:
    """Leaves long strings out of an answer's JSON, and keeps them separately on demand."""

    def __init__(self, kept: int = 0) -> None:
        """``kept`` is the limit, in bytes, for keeping the left-out strings; 0 keeps none."""
        self._most_kept = kept
        self._kept_bytes = 0
        self._left_out: defaultdict[int, io.BytesIO] = defaultdict(io.BytesIO)
        self._cutter = LongStringCutter(_MARK, LONGEST, self._keep if kept else None)

    def update(self, piece: bytes) -> None:
        """Read a piece of JSON. Raise TooMuchError if the JSON becomes too large."""
        self._cutter.update(piece)
        if self._cutter.short_bytes > _MOST or self._cutter.outside_bytes > _MOST_OUTSIDE:
            raise TooMuchError("it is larger than any answer of a vantage6 server")

    def finish(self) -> bytes:
        """Return the JSON without the left-out strings."""
        return self._cutter.text()

    def kept(self, text: str) -> bytes | None:
        """Return the left-out string that ``text`` stands for, as JSON; None for other texts."""
        number = text.removeprefix(_MARK)
        return None if number == text else self._left_out[int(number)].getvalue()

    def _keep(self, number: int, content: bytes) -> None:
        self._kept_bytes += self._left_out[number].write(content)
        if self._kept_bytes > self._most_kept:
            raise TooMuchError(f"it is larger than {self._most_kept >> 20} MiB")
