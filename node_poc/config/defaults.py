"""PURE: what a key is when the file leaves it out, where that depends on the kind of server."""

from __future__ import annotations

from typing import Any

from node_poc.config.base import short_hash

_API_PATH = "/api"
_NODE_NAME = "v6-node"
_PROXY = "v6proxy"
# The name that the Docker node's proxy has in its network.
_PROXY_HOST = "proxyserver"
_BY_KIND = {"node_name", "proxy", "server_kind"}


def fill_in(values: dict[str, Any]) -> dict[str, Any]:
    """Return the file's values with what depends on the kind of server.

    With an API key it is a vantage6 server. Then the node's name comes from that key, so that two
    nodes whose files say nothing of Kubernetes do not meet in one cluster, and each has a proxy of
    its own. Wrong types are left to the model, which says so.
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
    """The section without those of the keys that hold nothing."""
    return {k: value for k, value in section.items() if value is not None or k not in keys}
