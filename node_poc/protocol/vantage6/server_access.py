"""The connections to a vantage6 server and the node's identity there."""

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
    """The connections to the server and the node's identity there.

    ``turn`` limits large payloads, inputs and results alike.
    """

    rest: Rest
    emit: Callable[[str, object], bool]
    identity: NodeIdentity
    cryptor: Cryptor
    blobs: Blobs
    turn: Turn = field(default_factory=Turn)
