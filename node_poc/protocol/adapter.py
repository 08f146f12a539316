"""The protocol's half of a kind of server; ``config/kinds`` has the other half, the description."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from node_poc.config.findings import Finding
from node_poc.config.kinds.kind import ServerKind
from node_poc.config.model import NodeConfig
from node_poc.runs.ports import NodeControl, Server

#: Sentences about the server and the node, and findings.
Answers = tuple[list[str], list[Finding]]


@dataclass(frozen=True)
class NodeFacts:
    """How a server knows a node: names, the server's version, and whether payloads are encrypted.

    Attributes:
        has_public_key: whether the organization has a public key at the server.
    """

    version: str
    node: str
    organization: str
    collaboration: str
    encrypted: bool
    has_public_key: bool


class LookUpError(Exception):
    """The server does not tell the facts.

    Attributes:
        is_refused: whether the server does not know the API key.
    """

    def __init__(self, text: str, *, is_refused: bool = False) -> None:
        """``text`` names the configuration's key and the remedy."""
        super().__init__(text)
        self.is_refused = is_refused


class MakeServer(Protocol):
    """Connects the parts of an adapter."""

    def __call__(
        self,
        config: NodeConfig,
        control: NodeControl,
        *,
        private_key: RSAPrivateKey | None,
        on_fatal: Callable[[str], None],
    ) -> Server:
        """Return the adapter's server, which sends nothing before ``start``.

        Args:
            config: the node's configuration.
            control: takes the server's requests.
            private_key: the organization's private key, if ``encryption.enabled``.
            on_fatal: called, from any thread, with the reason why the node cannot work.
        """


#: Asks the server for ``check --online``, with the private key if ``encryption.enabled``.
AskServer = Callable[[NodeConfig, RSAPrivateKey | None], Answers]


@dataclass(frozen=True)
class Adapter:
    """The functions with which node and ``check`` reach a kind of server."""

    make_server: MakeServer
    ask_server: AskServer
    #: Logs in as the node and returns the facts; raises LookUpError. None: the kind has no facts.
    look_up: Callable[[NodeConfig], NodeFacts] | None = None


def load_adapter(kind: ServerKind) -> Adapter:
    """Import and return the adapter of a kind; the adapters of other kinds are not imported."""
    adapter = pkgutil.resolve_name(kind.adapter)
    if not isinstance(adapter, Adapter):
        raise TypeError(f"{kind.adapter} of the server kind {kind.name!r} is no Adapter")
    return adapter
