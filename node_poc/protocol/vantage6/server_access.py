"""The ways to a vantage6 server, and who we are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from node_poc.crypto.payload import Cryptor
from node_poc.protocol.vantage6.blobs import Blobs
from node_poc.protocol.vantage6.identity import NodeIdentity
from node_poc.protocol.vantage6.large_payloads import Turn
from node_poc.protocol.vantage6.rest.session import Rest


@dataclass(frozen=True)
class Line:
    """The ways to the server, and who we are there.

    ``turn``: for large payloads, be they inputs or results.
    """

    rest: Rest
    emit: Callable[[str, object], bool]
    identity: NodeIdentity
    cryptor: Cryptor
    blobs: Blobs
    turn: Turn = field(default_factory=Turn)
