"""PURE: all kinds of servers, and the kind of a configuration file.

To add a kind, describe the kind in a module beside this one and add its line to ``KINDS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node_poc.config.kinds.dummy import DUMMY
from node_poc.config.kinds.kind import ServerKind
from node_poc.config.kinds.vantage6 import VANTAGE6

KINDS: dict[str, ServerKind] = {
    DUMMY.name: DUMMY,
    VANTAGE6.name: VANTAGE6,
}
DEFAULT = DUMMY.name
_WITH_API_KEY = VANTAGE6.name


def kind_of(values: Mapping[str, Any]) -> ServerKind | None:
    """Return the kind of a file's values; None if the file names a kind that does not exist.

    Without ``kubernetes.server_kind``, an API key means a vantage6 server.
    """
    kubernetes = values.get("kubernetes")
    name = kubernetes.get("server_kind") if isinstance(kubernetes, Mapping) else None
    if name is None:
        name = _WITH_API_KEY if values.get("api_key") else DEFAULT
    return KINDS.get(name) if isinstance(name, str) else None


def known_name(name: str) -> str:
    """Return the name of a kind; raise ValueError if there is no kind of this name."""
    if name not in KINDS:
        raise ValueError(f"must be {' or '.join(map(repr, KINDS))}")
    return name
