"""PURE: bodies of requests that carry a result, made while they are sent.

A result of 50 MB is 67 MB as base64. As ordinary JSON it would be in memory three times more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

_PIECE = 256 * 1024


class Body:
    """Bytes of a known number, made from pieces each time that they are read."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]], length: int) -> None:
        """``pieces`` gives them from the begin at each call; ``length`` is for Content-Length."""
        self._make = pieces
        self._length = length
        self._pieces, self._rest = pieces(), b""

    def __len__(self) -> int:
        """Return the number of bytes."""
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        """Give the body from its begin."""
        return self._make()

    def read(self, size: int = -1) -> bytes:
        """Give the next ``size`` bytes, or all that is left."""
        parts, length = [self._rest], len(self._rest)
        while size < 0 or length < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            length += len(piece)
        data = b"".join(parts)
        end = len(data) if size < 0 else size
        self._rest = data[end:]
        return data[:end]

    def rewind(self) -> None:
        """Begin anew, for a second try."""
        self._pieces, self._rest = self._make(), b""


class RunPatch(Body):
    """JSON of small ``fields`` and one long ``result`` of ASCII that needs no escapes."""

    def __init__(self, fields: Mapping[str, str], result: str) -> None:
        """``result`` is base64, or three of them joined by ``$``: nothing that JSON escapes."""
        self.fields = dict(fields)
        head = json.dumps(self.fields)[:-1]
        begin = f'{head}{", " if fields else ""}"result": "'.encode("ascii")

        def pieces() -> Iterator[bytes]:
            yield begin
            for start in range(0, len(result), _PIECE):
                yield result[start : start + _PIECE].encode("ascii")
            yield b'"}'

        super().__init__(pieces, len(begin) + len(result) + 2)
