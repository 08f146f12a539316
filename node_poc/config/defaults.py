"""PURE: the values of keys that the file leaves out, where they depend on the kind of server."""

from __future__ import annotations

from typing import Any

from node_poc.config.base import short_hash

_API_PATH = "/api"
_NODE_NAME = "v6-node"
_PROXY = "v6proxy"
# The host name of the Docker node's proxy in its network.
_PROXY_HOST = "proxyserver"
_BY_KIND = {"node_name", "proxy", "server_kind"}


def fill_in(values: dict[str, Any]) -> dict[str, Any]:
    """Return the file's values with the defaults for the kind of server.

    An API key means a vantage6 server. The node's name then comes from the API key, which gives two
    nodes without a ``kubernetes`` section in one cluster different names, and each its own proxy.
    Wrong types stay as they are, because the model reports them.
    """
    kubernetes = values.get("kubernetes")
    kubernetes = {} if kubernetes is None else kubernetes
    if not isinstance(kubernetes, dict):
        return values
    kubernetes = _given(kubernetes, _BY_KIND)
    api_key = values.get("api_key")
    kind = kubernetes.get("server_kind", "vantage6" if api_key else "dummy")
    filled: dict[str, Any] = {"server_kind": kind} | kubernetes
    if kind == "vantage6":
        values = {"api_path": _API_PATH} | _given(values, {"api_path"})
        filled = {"node_name": f"{_NODE_NAME}-{short_hash(str(api_key))}"} | filled
        proxy = filled.get("proxy", {})
        if isinstance(proxy, dict):
            service = f"{_PROXY}-{short_hash(str(filled['node_name']))}"
            own = {"service": service, "host_name": _PROXY_HOST}
            filled["proxy"] = own | _given(proxy, set(own))
    return values | {"kubernetes": filled}


def _given(section: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    """Return the section without those of ``keys`` that have no value."""
    return {k: value for k, value in section.items() if value is not None or k not in keys}
