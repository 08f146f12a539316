"""PURE: request bodies with a result, made piece by piece while the request is sent.

A result of 50 MB takes 67 MB as base64. Ordinary JSON would need three more copies in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

_PIECE = 256 * 1024


class Body:
    """A body of known length, made anew from pieces for each reading."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]], length: int) -> None:
        """Each call of ``pieces`` yields the whole body; ``length`` is the Content-Length."""
        self._make = pieces
        self._length = length
        self._pieces, self._rest = pieces(), b""

    def __len__(self) -> int:
        """Return the number of bytes."""
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        """Return an iterator over the body from the start."""
        return self._make()

    def read(self, size: int = -1) -> bytes:
        """Return the next ``size`` bytes, or the rest of the body."""
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
        """Start again from the start of the body, for a second try."""
        self._pieces, self._rest = self._make(), b""


class RunPatch(Body):
    """A JSON object of small ``fields`` and a long ``result``, ASCII without JSON escapes."""

    def __init__(self, fields: Mapping[str, str], result: str) -> None:
        """``result`` is base64, or three base64 texts joined by ``$``: JSON escapes nothing."""
        self.fields = dict(fields)
        head = json.dumps(self.fields)[:-1]
        begin = f'{head}{", " if fields else ""}"result": "'.encode("ascii")

        def pieces() -> Iterator[bytes]:
            yield begin
            for start in range(0, len(result), _PIECE):
                yield result[start : start + _PIECE].encode("ascii")
            yield b'"}'

        super().__init__(pieces, len(begin) + len(result) + 2)
