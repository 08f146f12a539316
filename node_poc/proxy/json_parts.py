"""PURE: read and write JSON with huge strings without holding the strings twice.

Inputs and results are base64 inside JSON, of any size. Each long run of base64 between quotes stays
in the body's own bytes (a file's memory map). The rest of the body is small and is parsed as usual,
with a placeholder in place of each long string.
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

# An opening quote follows one of these characters. A quote inside a text never does: a backslash
# stands before the quote. A match is therefore always the start of a whole string.
_LONG_STRING = re.compile(rb'(?<=[\s:,\[{])"[A-Za-z0-9+/=$]{256}')
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
        # A random name that nobody outside can know, so no string of the body can equal a
        # placeholder.
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
            # `from None`: the error holds the body's text.
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


def _long_strings(body: Buffer) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each long string; stop once the rest of the body is too large."""
    looked_at = between = 0
    while between <= _REST_BYTES:
        found = _LONG_STRING.search(body, looked_at, looked_at + _WINDOW_BYTES)
        if found is None:
            # The next search finds a string that starts at the end of this window.
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
