"""PURE: read and write JSON with huge strings without holding the strings twice.

Inputs and results are base64 inside JSON, of any size. Each long run of base64 between quotes stays
in the body's own bytes (a file's memory map). The rest of the body is small and is parsed as usual,
with a placeholder in place of each long string.
"""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from node_poc.crypto.streams import slices
from node_poc.crypto.string_cutter import LongStringCutter, new_mark

Buffer = bytes | mmap.mmap
Pieces = Iterable[bytes]

# A longer string of base64 stays in the body's own bytes.
_LONGEST_PARSED = 255
_BASE64 = re.compile(rb"[A-Za-z0-9+/=$]*+")
# While a regular expression searches, no other thread of the process runs, not even the thread that
# answers all algorithms. Each search is therefore limited to these bytes.
_WINDOW_BYTES = 1 << 18
# JSON that consists of brackets takes 35 times its size as objects, and the objects for a long
# string take nearly a kilobyte. A task for 1000 organizations whose inputs are all just too short
# to be long strings has 300,000 bytes.
_REST_BYTES = 500_000
_MOST_LONG_STRINGS = 2000


class JsonPartsError(Exception):
    """The body is not JSON, or too much of the body is not base64."""


class JsonParts:
    """The JSON of a body in `value`, with a placeholder for each long base64 string.

    `text` returns the bytes of any string. `put` makes a new placeholder, and `pieces` writes
    `value` out.
    """

    def __init__(self, body: Buffer) -> None:
        """Parse the body. Raise JsonPartsError."""
        self._mark = new_mark("part")
        self._parts: list[Callable[[], Pieces]] = []
        self._views: list[memoryview] = []
        try:
            self.value: Any = json.loads(self._without_long_strings(body))
        except JsonPartsError:
            self.close()
            raise
        except (ValueError, RecursionError):
            self.close()
            # `from None`: the error holds the body's text.
            raise JsonPartsError("it is not JSON") from None

    def _without_long_strings(self, body: Buffer) -> bytes:
        cutter = LongStringCutter(self._mark, _LONGEST_PARSED)
        with memoryview(body) as view:
            for start in range(0, len(view), _WINDOW_BYTES):
                cutter.update(bytes(view[start : start + _WINDOW_BYTES]))
                _require_small(cutter.short_bytes)
                if len(cutter.spans) > _MOST_LONG_STRINGS:
                    raise JsonPartsError(f"it has more than {_MOST_LONG_STRINGS} inputs or results")
            for first, end in cutter.spans:
                part = view[first:end]
                self._views.append(part)
                self._parts.append(partial(slices, part))
        return self._with_other_text(cutter, body)

    def _with_other_text(self, cutter: LongStringCutter, body: Buffer) -> bytes:
        """Return the cut JSON, and in it again the long strings that are not base64."""
        size = cutter.short_bytes
        other: dict[int, bytes] = {}
        for number, (first, end) in enumerate(cutter.spans):
            if _end_of_base64(body, first) < end:
                size += end - first
                _require_small(size)
                other[number] = bytes(self._views[number])
        text = cutter.text()
        if not other:
            return text
        marked = re.compile(f"{self._mark}([0-9]+)".encode())
        return marked.sub(lambda found: other.get(int(found[1]), found[0]), text)

    def close(self) -> None:
        """Release the body, so that its memory map can be closed."""
        for view in self._views:
            view.release()

    def put(self, make_pieces: Callable[[], Pieces]) -> str:
        """Return a placeholder for a string that `make_pieces` makes when the JSON is written.

        The string must be base64, without quotes.
        """
        self._parts.append(make_pieces)
        return f"{self._mark}{len(self._parts) - 1}"

    def text(self, string: str) -> bytes | memoryview:
        """Return a string of `value` as bytes; a long string is not copied."""
        number = string.removeprefix(self._mark)
        if number == string:
            return string.encode("utf-8", "surrogatepass")
        return self._views[int(number)]

    def pieces(self) -> Iterator[bytes]:
        """Yield `value` as JSON text, with all long strings in their places."""
        marked = re.compile(f"{self._mark}([0-9]+)")
        text = json.dumps(self.value)
        start = 0
        for found in marked.finditer(text):
            yield text[start : found.start()].encode("ascii")
            yield from self._parts[int(found[1])]()
            start = found.end()
        yield text[start:].encode("ascii")


def _require_small(size: int) -> None:
    if size > _REST_BYTES:
        raise JsonPartsError(f"more than {_REST_BYTES} bytes of it are not base64")


def _end_of_base64(body: Buffer, start: int) -> int:
    while found := _BASE64.match(body, start, start + _WINDOW_BYTES):
        if found.end() < start + _WINDOW_BYTES:
            return found.end()
        start = found.end()
    return start
