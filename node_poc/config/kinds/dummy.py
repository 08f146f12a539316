"""PURE: the dummy server of the proof of concept, which has no login and no encryption."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from node_poc.config.kinds.kind import ServerKind, find_nothing, unchanged

if TYPE_CHECKING:
    from node_poc.config.model import NodeConfig

_SECTIONS_WITHOUT_EFFECT = {
    "encryption": "the dummy server sends nothing encrypted",
    "algorithm_env": "the dummy server's algorithms take arguments only",
    "node_extra_env": "set it in node_pod_config.yaml",
    "node_extra_mounts": "set it in node_pod_config.yaml",
    "node_extra_hosts": "set hostAliases in node_pod_config.yaml",
    "whitelist": "the dummy server's algorithms reach the proxy only",
    "share_config": "the dummy server does not ask for it",
    "share_algorithm_logs": "the dummy server is always sent the log's end",
    "run_context_file": "the dummy server's algorithms take arguments only",
    "prometheus": "the dummy server does not ask for it",
}
_NEED_A_USER = ("allowed_users", "allowed_organizations", "allowed_algorithm_stores")


def _broken_rules(config: NodeConfig) -> Iterator[str]:
    for name in _NEED_A_USER:
        if getattr(config.policies, name) is not None:
            yield (
                f"policies.{name}: cannot be kept, because the dummy server tells neither user nor "
                "store; remove it, or use a vantage6 server"
            )
    for index, database in enumerate(config.databases):
        if database.is_service:
            yield (
                f"databases[{index}].uri: must be an absolute path, because the dummy server's "
                "algorithms read files only"
            )
    for label in config.kubernetes.databases_egress:
        if config.database(label) is not None:
            yield (
                f"kubernetes.databases_egress.{label}: the dummy server's algorithms reach the "
                "proxy only; remove it"
            )


DUMMY = ServerKind(
    name="dummy",
    adapter="node_poc.protocol.dummy.adapter:ADAPTER",
    core_checks_images=True,
    has_own_objects=False,
    is_told_of_databases=False,
    sections_without_effect=_SECTIONS_WITHOUT_EFFECT,
    fill_in=unchanged,
    find_values_without_effect=find_nothing,
    broken_rules=_broken_rules,
    find_doubts=find_nothing,  # the example and the tests run the node beside the server
    find_dangers=find_nothing,
)
