"""PURE: the body of a PATCH that carries a result, made while it is sent.

A result of 50 MB is 67 MB as base64. As ordinary JSON it would be in memory three times more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

_PIECE = 256 * 1024


class RunPatch:
    """JSON of small ``fields`` and one long ``result`` of ASCII that needs no escapes."""

    def __init__(self, fields: Mapping[str, str], result: str) -> None:
        """``result`` is base64, or three of them joined by ``$``: nothing that JSON escapes."""
        head = json.dumps(dict(fields))[:-1]
        self._head = f'{head}{", " if fields else ""}"result": "'.encode("ascii")
        self._result = result
        self._pieces = iter(self)
        self._rest = b""

    def __len__(self) -> int:
        """Return the number of bytes, for Content-Length."""
        return len(self._head) + len(self._result) + 2

    def __iter__(self) -> Iterator[bytes]:
        """Give the body from its begin."""
        yield self._head
        for start in range(0, len(self._result), _PIECE):
            yield self._result[start : start + _PIECE].encode("ascii")
        yield b'"}'

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
        self._pieces, self._rest = iter(self), b""
