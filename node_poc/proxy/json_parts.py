"""PURE: JSON with huge strings in it, read and written without holding them twice.

Inputs and results are base64 inside JSON, of any size. Each long run of base64 between quotes is
left where it lies, in the body's own bytes (a file's memory map); the rest, which is small, is read
as usual, with a placeholder in its place.
"""

from __future__ import annotations

import json
import mmap
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from node_poc.crypto.streams import slices

Buffer = bytes | mmap.mmap
Pieces = Iterable[bytes]

# Before an opening quote stands one of these, and never before a quote that is part of a text: that
# one has a backslash before it. So a match is always the beginning of a whole string.
_LONG_STRING = re.compile(rb'(?<=[\s:,\[{])"[A-Za-z0-9+/=$]{256}')
_BASE64 = re.compile(rb"[A-Za-z0-9+/=$]*+")
# While a pattern is looked for, no other thread of the process goes on: not the one that answers
# all algorithms. So nothing is looked for in more bytes than these.
_WINDOW_BYTES = 1 << 18
# JSON that is all brackets takes 35 times its size as objects, and what is made for a long string
# nearly a kilobyte. A task for 1000 organizations whose inputs are all just too short to be long
# strings has 300,000 bytes.
_REST_BYTES = 500_000
_MOST_LONG_STRINGS = 2000


class JsonPartsError(Exception):
    """It is no JSON, or too much of it is not base64."""


class JsonParts:
    """A body's JSON in `value`, whose long base64 strings are placeholders.

    `text` gives a string's bytes, whichever it is. `put` makes a new placeholder, and `pieces`
    writes `value` out.
    """

    def __init__(self, body: Buffer) -> None:
        """Raises JsonPartsError."""
        # A name that nobody outside can know, so no string of the body can be one.
        self._mark = f"part-{secrets.token_hex(16)}-"
        self._parts: list[Callable[[], Pieces]] = []
        self._views: list[memoryview] = []
        try:
            self.value: Any = json.loads(self._without_long_strings(body))
        except JsonPartsError:
            self.close()
            raise
        except (ValueError, RecursionError):
            self.close()
            # `from None`: the error holds the text.
            raise JsonPartsError("it is not JSON") from None

    def _without_long_strings(self, body: Buffer) -> bytes:
        view = memoryview(body)
        rest, size, start = [], 0, 0
        for first, end in _long_strings(body):
            part = view[first:end]
            self._views.append(part)
            placeholder = self.put(partial(slices, part))
            rest += [bytes(view[start:first]), placeholder.encode()]
            size += first - start
            start = end
            if size > _REST_BYTES or len(self._views) > _MOST_LONG_STRINGS:
                break
        size += len(view) - start
        rest.append(bytes(view[start : start + _REST_BYTES]))
        view.release()
        if len(self._views) > _MOST_LONG_STRINGS:
            raise JsonPartsError(f"it has more than {_MOST_LONG_STRINGS} inputs or results")
        if size > _REST_BYTES:
            raise JsonPartsError(f"more than {_REST_BYTES} bytes of it are not base64")
        return b"".join(rest)

    def close(self) -> None:
        """Let go of the body, so that its memory map can be closed."""
        for view in self._views:
            view.release()

    def put(self, make_pieces: Callable[[], Pieces]) -> str:
        """Return a placeholder for a string that is made when it is written: base64, no quotes."""
        self._parts.append(make_pieces)
        return f"{self._mark}{len(self._parts) - 1}"

    def text(self, string: str) -> bytes | memoryview:
        """Return a string of `value` as bytes, in place if it is a long one."""
        number = string.removeprefix(self._mark)
        if number == string:
            return string.encode("utf-8", "surrogatepass")
        return self._views[int(number)]

    def pieces(self) -> Iterator[bytes]:
        """Write `value` with all its parts."""
        marked = re.compile(f"{self._mark}([0-9]+)")
        text = json.dumps(self.value)
        start = 0
        for found in marked.finditer(text):
            yield text[start : found.start()].encode("ascii")
            yield from self._parts[int(found[1])]()
            start = found.end()
        yield text[start:].encode("ascii")


def _long_strings(body: Buffer) -> Iterator[tuple[int, int]]:
    """Give where long strings begin and end, up to where the rest is too much in any case."""
    looked_at = between = 0
    while between <= _REST_BYTES:
        found = _LONG_STRING.search(body, looked_at, looked_at + _WINDOW_BYTES)
        if found is None:
            # What begins at the window's end is found by the next.
            step = _WINDOW_BYTES - 256
            if looked_at + _WINDOW_BYTES >= len(body):
                return
            looked_at, between = looked_at + step, between + step
            continue
        first = found.start() + 1
        end = _end_of_base64(body, found.end())
        if body[end : end + 1] == b'"':
            yield first, end
            between = 0
        else:
            between += end - looked_at
        looked_at = end


def _end_of_base64(body: Buffer, start: int) -> int:
    while found := _BASE64.match(body, start, start + _WINDOW_BYTES):
        if found.end() < start + _WINDOW_BYTES:
            return found.end()
        start = found.end()
    return start
