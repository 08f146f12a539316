"""``python -m node_poc proxy``: the proxy, set up from the node's configuration."""

from __future__ import annotations

from pathlib import Path

from node_poc.config.model import NodeConfig
from node_poc.crypto.payload import PlainCryptor, RsaCryptor
from node_poc.proxy.server import run_proxy
from node_poc.proxy.settings import ProxySettings, ResultsOf
from node_poc.storage.private_key import organization_key


def proxy_settings(config: NodeConfig, folder: Path, *, health_port: int) -> ProxySettings:
    """Return what the proxy has to know of the node's configuration.

    Whether it encrypts stands in the configuration, and is not asked of the server: the node
    checks at its start that the two agree, and a server that said "no" could read what was meant
    to be encrypted.

    Args:
        config: the node's configuration.
        folder: where the configuration file lies; a private key that is not absolute lies there.
        health_port: where the kubelet asks.

    Raises:
        PrivateKeyError: encryption is enabled and the private key cannot be used.
    """
    key = organization_key(config, folder)
    cryptor = PlainCryptor() if key is None else RsaCryptor(key)
    api_path = config.api_path.strip("/")
    server = f"{config.server_address}/{api_path}" if api_path else config.server_address
    return ProxySettings(
        server=server,
        cryptor=cryptor,
        results=ResultsOf(config.kubernetes.proxy.results),
        port=config.kubernetes.proxy.port,
        health_port=health_port,
    )


def serve(config: NodeConfig, folder: Path, *, health_port: int) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        PrivateKeyError: see `proxy_settings`.
        OSError: a port cannot be had.
    """
    run_proxy(proxy_settings(config, folder, health_port=health_port))
