"""PURE: the description of a kind of server: everything in which kinds differ, except the protocol.

The rest of the node asks this description and never compares the names of kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from node_poc.config.model import NodeConfig


@dataclass(frozen=True)
class ServerKind:
    """A kind of server.

    Attributes:
        name: the value of ``kubernetes.server_kind``.
        adapter: the ``Adapter`` (``protocol/adapter.py``) as ``package.module:NAME``. The name is a
            text because configuration must not import protocol.
        core_checks_images: whether admission compares images with ``policies.allowed_algorithms``.
            False if the adapter does, because only the adapter can ask a store or a registry.
        has_own_objects: whether each node has objects of its own, made by ``render vantage6``, with
            the configuration file in a Secret. False: the files in ``kubeconfs/`` set the node up,
            with the configuration file in a ConfigMap.
        is_told_of_databases: whether the node sends types and column names of the databases to the
            server (``share_config``).
        sections_without_effect: top-level keys that this kind does not use, each with the reason.
        fill_in: returns the file's values with the defaults of this kind for keys that the file
            leaves out; ``values["kubernetes"]`` is an object.
        find_values_without_effect: yields path and reason of each value of the file without effect.
        broken_rules: yields each broken rule: path, rule, remedy.
        find_doubts: yields each setting that most likely does not do what its author wants.
        find_dangers: yields each setting that works, but puts data, a machine or a key at risk.
    """

    name: str
    adapter: str
    core_checks_images: bool
    has_own_objects: bool
    is_told_of_databases: bool
    sections_without_effect: Mapping[str, str]
    fill_in: Callable[[dict[str, Any]], dict[str, Any]]
    find_values_without_effect: Callable[[Mapping[str, Any]], Iterable[tuple[str, str]]]
    broken_rules: Callable[[NodeConfig], Iterable[str]]
    find_doubts: Callable[[NodeConfig], Iterable[str]]
    find_dangers: Callable[[NodeConfig], Iterable[str]]


def unchanged(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values: a ``fill_in`` for a kind without defaults of its own."""
    return values


def find_nothing(_: object) -> Iterator[Any]:
    """Yield nothing, for a kind without rules, doubts or dangers of its own."""
    yield from ()
