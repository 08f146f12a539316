"""PURE: the values of keys that the file leaves out, where they depend on the kind of server."""

from __future__ import annotations

from typing import Any

from node_poc.config.base import without_nulls
from node_poc.config.kinds.registry import kind_of

# A null value of these keys means the default of the kind.
_BY_KIND = {"node_name", "proxy", "server_kind"}


def fill_in(values: dict[str, Any]) -> dict[str, Any]:
    """Return the file's values with the defaults for the kind of server.

    Wrong types and unknown kinds stay as they are, because the model reports them.
    """
    kubernetes = values.get("kubernetes")
    kubernetes = {} if kubernetes is None else kubernetes
    kind = kind_of(values)
    if not isinstance(kubernetes, dict) or kind is None:
        return values
    filled = {"server_kind": kind.name} | without_nulls(kubernetes, _BY_KIND)
    return kind.fill_in(values | {"kubernetes": filled})
