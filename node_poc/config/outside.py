"""PURE: environment variables for the way to the server (proxies, certificates), and mistakes.

The variables are those of vantage6 and its libraries: ``node_extra_env`` sets them for node and
proxy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from node_poc.config.extra_mounts import mounts_in

if TYPE_CHECKING:
    from node_poc.config.model import NodeConfig

#: Each names a file of certificates, or a folder.
CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
#: The variables that name outer proxies, in capitals.
OUTER_PROXIES = {"HTTP_PROXY", "HTTPS_PROXY"}
#: The variables that name outer proxies and their destinations, in capitals.
PROXY_VARIABLES = frozenset({*OUTER_PROXIES, "NO_PROXY", "ALL_PROXY"})
# Some of the libraries ignore a proxy without a scheme, and raise no error.
_PROXY = re.compile(r"http://[^\s/]+/?")


def find_doubts_of_the_way(config: NodeConfig) -> Iterator[str]:
    """Yield each doubt: path, reason, remedy; never a value, which may contain a password."""
    yield from _certificates(config)
    for name, value in config.node_extra_env.items():
        path = f"node_extra_env.{name}"
        if name.upper() in OUTER_PROXIES and value and not _PROXY.fullmatch(value):
            yield (
                f"{path}: is no address of an outer proxy that all parts understand; write "
                "http://host:port, or http://user:password@host:port"
            )
        elif name.upper() == "ALL_PROXY":
            yield f"{path}: only some parts of the node heed it; set HTTPS_PROXY (or HTTP_PROXY)"


def _certificates(config: NodeConfig) -> Iterator[str]:
    mounts = mounts_in(config.node_extra_mounts)
    for name in CERTIFICATE_VARIABLES:
        path = config.node_extra_env.get(name)
        if path and not any(mount.holds(path) for mount in mounts):
            yield (
                f"node_extra_env.{name}: {path} lies in no mount of node_extra_mounts, so the pods "
                "do not have it; mount it, or name the file here in kubernetes.ca_file instead"
            )
