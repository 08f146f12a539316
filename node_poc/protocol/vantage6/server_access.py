"""The connections to a vantage6 server and the node's identity there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from node_poc.crypto.payload import Cryptor
from node_poc.protocol.vantage6.blobs import Blobs
from node_poc.protocol.vantage6.identity import NodeIdentity
from node_poc.protocol.vantage6.large_payloads import LargePayloadLock
from node_poc.protocol.vantage6.rest.session import RestSession


@dataclass(frozen=True)
class ServerAccess:
    """The connections to the server and the node's identity there.

    ``large_payloads`` limits large payloads, inputs and results alike.
    """

    rest: RestSession
    emit: Callable[[str, object], bool]
    identity: NodeIdentity
    cryptor: Cryptor
    blobs: Blobs
    large_payloads: LargePayloadLock
