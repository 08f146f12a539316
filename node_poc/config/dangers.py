"""PURE: settings that work, but put data, a machine or the node's key at risk.

``check`` and the node's start report each setting with key, risk and remedy. None is an error,
because a site may have its reasons.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

from node_poc.config.databases import is_address
from node_poc.config.quantities import amount

if TYPE_CHECKING:
    from node_poc.config.model import NodeConfig

#: Addresses where clouds give a machine's keys to any client: link-local and some others.
METADATA = tuple(
    ipaddress.ip_network(each)
    for each in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
    )
)
# A network with a shorter prefix is a large part of the internet, and not one site's network.
_SHORTEST_PREFIX = {4: 8, 6: 16}
_IN_THE_CLUSTER = (".svc", ".cluster.local", ".docker.internal")


def find_dangers(config: NodeConfig) -> Iterator[str]:
    """Yield each danger: path, risk, remedy."""
    yield from config.kind.find_dangers(config)
    yield from _policies(config)
    yield from _algorithms(config)
    yield from _storage(config)


def find_network_dangers(config: NodeConfig) -> Iterator[str]:
    """Yield each danger on the ways of node and algorithms out of the cluster.

    For kinds of servers whose algorithms reach more than their proxy.
    """
    yield from _plain_http(config)
    yield from _whitelist(config)
    yield from _services(config)
    yield from _logs(config)


def _plain_http(config: NodeConfig) -> Iterator[str]:
    if _is_clear(config.server_url):
        yield (
            "server_url: http:// sends the node's key and tokens in clear, and all that is not "
            "end-to-end encrypted; use https://"
        )
    for index, entry in enumerate(config.policies.allowed_algorithm_stores or []):
        if _is_clear(entry.removeprefix("^").replace("\\", "")):
            yield (
                f"policies.allowed_algorithm_stores[{index}]: the node's token goes to this store "
                "in clear; use https://"
            )
    for index, login in enumerate(config.docker_registries):
        if _is_clear(login.registry):
            yield (
                f"docker_registries[{index}].registry: the password goes to this registry in "
                "clear; use https://"
            )


def _is_clear(url: str) -> bool:
    """Return whether a URL has no TLS, and leaves this machine and the cluster."""
    scheme, _, rest = url.lower().partition("://")
    host = rest.partition("/")[0]
    name = host if host.startswith("[") else host.partition(":")[0]
    name = name.strip("[]").partition("]")[0]
    if scheme != "http" or not name:
        return False
    if is_address(name):
        return not ipaddress.ip_address(name).is_loopback
    return "." in name and not name.endswith(_IN_THE_CLUSTER)


def _whitelist(config: NodeConfig) -> Iterator[str]:
    for index, text in enumerate(config.whitelist.ips):
        network, path = ipaddress.ip_network(text, strict=False), f"whitelist.ips[{index}]"
        if network.prefixlen < _SHORTEST_PREFIX[network.version]:
            yield (
                f"{path}: {text} lets every algorithm send data to nearly any address, and ask a "
                "cloud for the machine's keys; name the few addresses that algorithms need"
            )
        elif _tells_keys(network):
            yield (
                f"{path}: {text} holds an address where a cloud gives the machine's keys to "
                "whoever asks; name addresses without it"
            )


def _services(config: NodeConfig) -> Iterator[str]:
    for index, database in enumerate(config.databases):
        service = config.service(database) if config.has_way(database) else None
        egress = config.kubernetes.databases_egress.get(database.label)
        addresses = (service.address if service else None, egress.address if egress else None)
        if any(each and _tells_keys(ipaddress.ip_network(each)) for each in addresses):
            yield (
                f"databases[{index}]: its address is one where a cloud gives the machine's keys to "
                "whoever asks; name the database's own address"
            )


def _tells_keys(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    mapped = network.network_address
    if isinstance(mapped, ipaddress.IPv6Address) and mapped.ipv4_mapped is not None:
        inner = max(network.prefixlen - 96, 0)
        network = ipaddress.ip_network((mapped.ipv4_mapped, inner), strict=False)
    return any(each.version == network.version and each.overlaps(network) for each in METADATA)


def _logs(config: NodeConfig) -> Iterator[str]:
    if config.encryption.enabled and config.share_algorithm_logs:
        yield (
            "share_algorithm_logs: inputs and results are encrypted, but logs go to the server in "
            "clear, with all that an algorithm prints; set it to false to keep them here"
        )


def _policies(config: NodeConfig) -> Iterator[str]:
    rules = config.policies
    if rules.allowed_algorithms is not None or rules.allowed_algorithm_stores is not None:
        return
    limited = rules.allowed_users is not None or rules.allowed_organizations is not None
    who = "whoever may post tasks here" if limited else "every researcher of the collaboration"
    yield (
        f"policies.allowed_algorithms: is not set, so {who} may run any image on these databases; "
        "list the images that the site has looked at"
    )


def _storage(config: NodeConfig) -> Iterator[str]:
    storage, most = config.kubernetes.storage, config.kubernetes.limits.output_size
    if storage.mode != "pvc" or storage.size is None:
        return
    if most is None or amount(most) >= amount(storage.size):
        yield (
            f"kubernetes.limits.output_size: {most or 'no limit'} is not below "
            f"kubernetes.storage.size, {storage.size}, so one run can fill the claim, and then no "
            "result is written until somebody makes room; set a smaller limit, or a larger claim"
        )


def _algorithms(config: NodeConfig) -> Iterator[str]:
    if not config.kubernetes.walls.required:
        yield (
            "kubernetes.walls.required: is false, so runs start even if the NetworkPolicies around "
            "algorithms are missing or open; set it to true"
        )
    if config.kubernetes.walls.self_test_hours is None:
        yield (
            "kubernetes.walls.self_test_hours: is null, so nobody notices a cluster that does not "
            "enforce the NetworkPolicies around algorithms; set it to a number such as 24"
        )
    if config.kubernetes.walls.own_egress == "open":
        yield (
            "kubernetes.walls.own_egress: is open, so whoever takes over the node or its proxy "
            "reaches a cloud's metadata and the site's network; set it to addresses"
        )
    user = config.kubernetes.security.run_as_user
    if user == 0 or user is None:
        who = "run as root" if user == 0 else "run as the user of their image, which may be root"
        yield (
            f"kubernetes.security.run_as_user: algorithms {who}, and a fault of the container "
            "runtime then gives them the machine; use a number such as 10001"
        )
    if config.kubernetes.limits.run_seconds is None:
        yield (
            "kubernetes.limits.run_seconds: is not set, so an algorithm that hangs keeps its place "
            "for ever; set the longest time that an algorithm needs"
        )
