"""Payloads in the server's blob store (``large_result_store``, vantage6 4.13 and newer).

A server with a blob store keeps every run's input there, and requires every result there: the run
has only the blobs' names. A run's ``blob_storage_used`` tells whether the store is used.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from uuid import UUID

from node_poc.crypto.errors import PayloadError, TooLargeError
from node_poc.crypto.payload import Cryptor
from node_poc.crypto.streams import slices, through
from node_poc.protocol.vantage6.errors import UnreachableError
from node_poc.protocol.vantage6.rest.bodies import Body
from node_poc.protocol.vantage6.rest.session import RestSession

_PATH = "blobstream"


class Blobs:
    """Reads and writes blobs through the server. Thread-safe for different runs."""

    def __init__(self, rest: RestSession, cryptor: Cryptor) -> None:
        """``cryptor`` decrypts and encrypts the blobs."""
        self._rest = rest
        self._cryptor = cryptor
        self._stored: dict[int, str] = {}
        self._lock = threading.Lock()

    def read(self, name: str, limit: int) -> bytes:
        """Return the decrypted bytes of an input; stop reading a larger input at the limit.

        Raises:
            TooLargeError: the input has more than ``limit`` bytes.
            CryptoError: the input is for another key, cut or altered; or ``name`` is no blob name.
            ServerError: as ``RestSession.get``.
        """
        try:
            path = f"{_PATH}/{UUID(name.strip())}"
        except ValueError:
            raise PayloadError("the name of its blob is not a UUID") from None
        whole = io.BytesIO()
        for piece in through(self._cryptor.decrypt_stream(), self._rest.get_pieces(path)):
            whole.write(piece)
            if whole.tell() > limit:
                raise TooLargeError(f"it is larger than {limit >> 20} MiB")
        return whole.getvalue()

    def store(self, run_id: int, data: bytes, public_key: str | None) -> str:
        """Store a result for the owner of a key; return the blob's name, for use as run result.

        A second call for the same run returns the stored name, until ``forget``, because the server
        never removes a blob that no run names. A lost answer leaves one unnamed blob behind.

        Raises:
            CryptoError: the result cannot be encrypted.
            ServerError: as ``RestSession.get``.
        """
        with self._lock:
            name = self._stored.get(run_id)
        if name is None:
            name = self._rest.post_body(_PATH, self._body(data, public_key)).get("uuid")
            if not isinstance(name, str):
                raise UnreachableError(f"POST {_PATH}: the answer names no blob")
            with self._lock:
                self._stored[run_id] = name
        return name

    def _body(self, data: bytes, public_key: str | None) -> Body:
        def pieces() -> Iterator[bytes]:
            return through(self._cryptor.encrypt_stream(public_key), slices(memoryview(data)))

        # Encrypting twice, first for the length, costs less than keeping the body in memory.
        return Body(pieces, sum(map(len, pieces())))

    def forget(self, run_id: int) -> None:
        """Forget the blob of a run that has ended at the server."""
        with self._lock:
            self._stored.pop(run_id, None)
