"""Payloads in the server's blob store (``large_result_store``, vantage6 4.13 and newer).

With such a store every run's input lies there, and its result has to: the run itself has their
names only. Which it is, a run tells by ``blob_storage_used``.
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
from node_poc.protocol.vantage6.rest.session import Rest

_PATH = "blobstream"


class Blobs:
    """The blob store, by way of the server. Thread-safe for different runs."""

    def __init__(self, rest: Rest, cryptor: Cryptor) -> None:
        """``cryptor`` reads what is stored, and makes it."""
        self._rest = rest
        self._cryptor = cryptor
        self._stored: dict[int, str] = {}
        self._lock = threading.Lock()

    def read(self, name: str, limit: int) -> bytes:
        """The plain bytes of an input; no more than that is read of a larger one.

        Raises:
            TooLargeError: it has more than ``limit`` bytes.
            CryptoError: it is not for us, cut or altered; or ``name`` is none.
            ServerError: as ``Rest.get``.
        """
        try:
            path = f"{_PATH}/{UUID(name.strip())}"
        except ValueError:
            raise PayloadError("the name of its blob is not a UUID") from None
        whole = io.BytesIO()
        for piece in through(self._cryptor.decrypt_stream(), self._rest.pieces(path)):
            whole.write(piece)
            if whole.tell() > limit:
                raise TooLargeError(f"it is larger than {limit >> 20} MiB")
        return whole.getvalue()

    def store(self, run_id: int, data: bytes, public_key: str | None) -> str:
        """Store a result for the owner of a key; returns its name, which the run is to be given.

        Called again for a run it does not store anew, until ``forget``: nothing at a server removes
        a blob that no run names. When the answer is lost, one such is left.

        Raises:
            CryptoError: it cannot be encrypted.
            ServerError: as ``Rest.get``.
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

        # Made once more for its length: that takes less than to hold it.
        return Body(pieces, sum(map(len, pieces())))

    def forget(self, run_id: int) -> None:
        """The run has its end at the server."""
        with self._lock:
            self._stored.pop(run_id, None)
