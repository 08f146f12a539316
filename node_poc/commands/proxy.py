"""``python -m node_poc proxy``: the proxy, set up from the node's configuration."""

from __future__ import annotations

from pathlib import Path

from node_poc.config.model import NodeConfig
from node_poc.crypto.payload import PlainCryptor, RsaCryptor
from node_poc.proxy.server import run_proxy
from node_poc.proxy.settings import ProxySettings, ResultsOf
from node_poc.storage.private_key import organization_key


def proxy_settings(config: NodeConfig, folder: Path, *, health_port: int) -> ProxySettings:
    """Return the proxy's settings from the node's configuration.

    The configuration decides whether the proxy encrypts; the server is not asked, because a server
    that answered "no" could read data meant to be encrypted. The node checks at its start that
    configuration and server agree.

    Args:
        config: the node's configuration.
        folder: the configuration file's folder, to which a private key's relative path refers.
        health_port: the port for the kubelet's probes.

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
        PrivateKeyError: see ``proxy_settings``.
        OSError: a port is not available.
    """
    run_proxy(proxy_settings(config, folder, health_port=health_port))
