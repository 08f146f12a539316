"""PURE: turn the kubelet's form of a log (a time stamp before each line) into the log's own bytes.

The reader removes and remembers the time stamps and changes nothing else. Bytes are passed on as
they arrive: a line of any length costs no memory. After a break the kubelet repeats lines; the
reader recognises and drops the lines that were taken already. If none of those lines is repeated,
other lines may be lost in between: the reader adds a mark line in their place.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

_STAMP = re.compile(
    rb"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ", re.MULTILINE
)
_LONGEST_STAMP = 40
# Lines of stdout and stderr may be out of order by microseconds, and two lines may have the same
# stamp: therefore the last few stamps are remembered, not only the last.
_REMEMBERED = 32
# Assumed time between two lines if a log has too few lines to measure.
_USUAL_NANOSECONDS = 10**6


@dataclass(frozen=True)
class Position:
    """A place in a log; everything before the place was taken.

    Attributes:
        recent: stamps of the last lines taken, in the order of the log.
        open_bytes: number of bytes taken of the last line; None if the whole line was taken, with
            its newline.
    """

    recent: tuple[bytes, ...] = ()
    open_bytes: int | None = None

    def __str__(self) -> str:
        """Return the position as text, for ``parse``."""
        recent = [stamp.decode("ascii") for stamp in self.recent]
        return json.dumps({"recent": recent, "open_bytes": self.open_bytes})

    @classmethod
    def parse(cls, text: str) -> Position:
        """Parse a position's text; return the start of the log for any other text."""
        try:
            data = json.loads(text)
            recent = tuple(str(stamp).encode("ascii") for stamp in data["recent"])
            open_bytes = data["open_bytes"]
            if all(_STAMP.match(stamp + b" ") for stamp in recent) and recent:
                return cls(recent, None if open_bytes is None else int(open_bytes))
        except (KeyError, TypeError, ValueError):
            pass
        return cls()

    def since(self) -> int | None:
        """Return the ``sinceTime`` to ask for, in seconds since the epoch; None for the start."""
        return min(map(_nanoseconds, self.recent)) // 10**9 if self.recent else None


@dataclass(frozen=True)
class Piece:
    """Some bytes of a log, without stamps, and the position after the bytes."""

    data: bytes
    position: Position


def mark_of_gap(seconds: float) -> bytes:
    """Return the mark line for lost lines; the lines around the gap are ``seconds`` apart."""
    gap = f"{seconds:,.1f} s" if seconds >= 0.1 else "a moment"
    return (
        f"[... {gap} of this log may be missing here: it was rotated away before it was read, or "
        "grew faster than it is read ...]\n"
    ).encode()


class LineReader:
    """Takes the bytes of one connection that reads the log from ``position.since()``."""

    def __init__(self, position: Position) -> None:
        self._recent = position.recent
        self._open_bytes: int | None = None
        self._in_line = False
        self._rest = b""
        self._repeats = _Repeats(position) if position.recent else None
        self._drops_line = False
        self._drop_bytes = 0

    def feed(self, chunk: bytes) -> Piece | None:
        """Take the next bytes; return the new part of the log, None if nothing is new."""
        data, self._rest = self._rest + chunk, b""
        taken: list[bytes] = []
        begin = 0
        if self._repeats is not None:
            begin = self._sift(data, taken)
        if self._repeats is None:
            self._take(data[begin:] if begin else data, taken)
        out = b"".join(taken)
        return Piece(out, Position(self._recent, self._open_bytes)) if out else None

    def _take(self, data: bytes, taken: list[bytes]) -> None:
        """Take everything, once no repeats can come. Fast: runs no Python code for each line."""
        begin = 0
        if self._in_line:
            begin = self._take_line(data, 0, taken)
        whole = data.rfind(b"\n", begin) + 1
        if whole > begin:
            lines = data[begin:whole]
            self._remember(lines)
            taken.append(_STAMP.sub(b"", lines))
            begin = whole
        if begin < len(data):
            begin = self._begin_line(data, begin, taken)
            if self._in_line:
                self._take_line(data, begin, taken)

    def _remember(self, lines: bytes) -> None:
        last = lines.rsplit(b"\n", _REMEMBERED + 1)[-_REMEMBERED - 1 :]
        stamps = tuple(match[0][:-1] for match in map(_STAMP.match, last) if match)
        self._recent = (self._recent + stamps)[-_REMEMBERED:]

    def _begin_line(self, data: bytes, begin: int, taken: list[bytes]) -> int:
        """Parse a line's stamp; return where the line's own bytes start.

        If ``data`` ends within the stamp, keep the rest for the next call and return the end.
        """
        match = _STAMP.match(data, begin)
        if match is None and data.find(b"\n", begin) < 0 and len(data) - begin < _LONGEST_STAMP:
            self._rest = data[begin:]
            return len(data)
        self._in_line, self._drops_line, self._drop_bytes = True, False, 0
        stamp = match[0][:-1] if match else None
        if self._repeats is not None:
            self._drops_line, self._drop_bytes = self._repeats.judge(stamp)
            if self._repeats.must_end_line and not self._drops_line:
                taken.append(b"\n")  # the rest of the open line was lost with its file
                self._repeats.must_end_line = False
            if lost := self._repeats.lost_seconds:
                taken.append(mark_of_gap(lost))
                self._repeats.lost_seconds = 0.0
            if self._drop_bytes or self._repeats.is_resumed:
                self._open_bytes = self._drop_bytes
                return match.end() if match else begin
        if not self._drops_line:
            self._open_bytes = 0 if stamp else None
            if stamp:
                self._recent = (*self._recent, stamp)[-_REMEMBERED:]
        return match.end() if match else begin

    def _take_line(self, data: bytes, begin: int, taken: list[bytes]) -> int:
        """Take or drop the available part of the open line; return where the next line starts."""
        end = data.find(b"\n", begin) + 1
        self._in_line = end == 0
        end = end or len(data)
        if self._drops_line:
            return end
        dropped = min(self._drop_bytes, end - begin)
        self._drop_bytes -= dropped
        taken.append(data[begin + dropped : end])
        if not self._in_line:
            self._open_bytes = None
        elif self._open_bytes is not None:
            self._open_bytes += end - begin - dropped
        return end

    def _sift(self, data: bytes, taken: list[bytes]) -> int:
        """Go line by line while lines may be repeats; return where the rest of ``data`` starts."""
        begin = 0
        while begin < len(data):
            if not self._in_line:
                begin = self._begin_line(data, begin, taken)
            if self._in_line:
                begin = self._take_line(data, begin, taken)
            if self._repeats is not None and self._repeats.are_over:
                self._repeats = None
                break
        return begin


class _Repeats:
    """Tells lines that an earlier connection has taken from new lines."""

    def __init__(self, position: Position) -> None:
        self._known = Counter(position.recent)
        self._last = position.recent[-1]
        moments = [_nanoseconds(stamp) for stamp in position.recent]
        # Lines older than the remembered stamps were taken too; with fewer stamps than the limit,
        # there are no older lines.
        self._oldest = min(moments) if len(moments) >= _REMEMBERED else -1
        self._newest = max(moments)
        ordered = sorted(moments)
        pauses = [later - earlier for earlier, later in pairwise(ordered)]
        self._usual = 2 * max(pauses, default=_USUAL_NANOSECONDS // 2)
        self._met = False
        self.lost_seconds = 0.0
        self._open_bytes = position.open_bytes
        self._dropped = True
        self.must_end_line = position.open_bytes is not None
        self.is_resumed = False
        self.are_over = False

    def judge(self, stamp: bytes | None) -> tuple[bool, int]:
        """Return whether to drop a line, and otherwise how many of the line's bytes to drop."""
        self.is_resumed = False
        if stamp is None:  # the rest of a line that starts too far back to be repeated
            return self._dropped, 0
        if self._known[stamp]:
            self._known[stamp] -= 1
            self._met = True
            if stamp == self._last and not self._known[stamp] and self._open_bytes is not None:
                self.is_resumed, self.must_end_line, self._dropped = True, False, False
                return False, self._open_bytes
            self._dropped = True
        else:
            moment = _nanoseconds(stamp)
            self._dropped = moment <= self._oldest
            self.are_over = moment > self._newest
            gap = moment - self._newest
            if not self._met and gap > self._usual:
                self.lost_seconds = gap / 10**9
            self._met = True
        return self._dropped, 0


def _nanoseconds(stamp: bytes) -> int:
    match = _STAMP.match(stamp + b" ")
    if match is None:
        raise ValueError(f"not a time stamp: {stamp!r}")
    seconds, fraction, zone = match.groups()
    return _seconds(seconds + zone) * 10**9 + int((fraction or b"0").ljust(9, b"0"))


@lru_cache(maxsize=64)
def _seconds(moment: bytes) -> int:
    return int(datetime.fromisoformat(moment.decode("ascii")).timestamp())
