"""The adapter of the dummy server."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from node_poc.config.findings import warning
from node_poc.config.model import NodeConfig
from node_poc.protocol.adapter import Adapter, Answers
from node_poc.protocol.dummy.server import DummyControl, DummyServer


def _make_server(
    config: NodeConfig,
    control: DummyControl,
    *,
    private_key: RSAPrivateKey | None,
    on_fatal: Callable[[str], None],
) -> DummyServer:
    """Return the server; the dummy server encrypts nothing and refuses no node."""
    return DummyServer(config, control)


def _ask_server(_: NodeConfig, private_key: RSAPrivateKey | None) -> Answers:
    return [], [warning("the dummy server is not asked: --online is for a vantage6 server")]


ADAPTER = Adapter(make_server=_make_server, ask_server=_ask_server)
