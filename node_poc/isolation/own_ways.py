"""PURE: the ways out of a node's pod and of its proxy's pod.

A NetworkPolicy takes addresses and no names, and the addresses of a server change. Ways to the
server are therefore open by port, to every address except those of a cloud's metadata. Network
plugins differ in what an address block covers: Cilium's blocks cover neither pods nor the cluster's
machines, on which the API server answers, and a rule without addresses covers everything.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from node_poc.config.dangers import METADATA
from node_poc.config.model import NodeConfig
from node_poc.config.outside import OUTER_PROXIES
from node_poc.config.whitelist import WEB_PORTS
from node_poc.isolation.self_test.targets import LISTEN_PORT
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity
from node_poc.manifests.squid_conf import PRIVATE

Rule = dict[str, Any]

# By the namespace of the cluster's DNS: the labels of its pods, in Kubernetes and in OpenShift.
_NAME_SERVERS = {
    "kube-system": {"k8s-app": "kube-dns"},
    "openshift-dns": {"dns.operator.openshift.io/daemonset-dns": "default"},
}
# NodeLocal DNSCache listens on this address of each machine.
_LOCAL_NAME_SERVER = "169.254.20.10/32"
# The second is the port of OpenShift's pods.
_DNS_PORTS = (53, 5353)
# The port behind a host's name; the number of a tag follows a slash.
_PORT = re.compile(r"^[^/]*(?://[^/]*)?:([0-9]{1,5})(?=/)")


def node_rules(config: NodeConfig) -> list[Rule]:
    """Return the rules for egress of the node's pod; none if the node has no walls of its own."""
    if config.kubernetes.walls.own_egress == "open":
        return []
    return [
        *_common(config, node_ports(config)),
        _to_testers(config),
        # No address: no block of Cilium covers the machines of the API server.
        {"ports": _tcp(config.kubernetes.walls.api_ports)},
    ]


def proxy_rules(config: NodeConfig) -> list[Rule]:
    """Return the rules for egress of the proxy's pod; none if the node has no walls of its own."""
    if config.kubernetes.walls.own_egress == "open":
        return []
    return _common(config, proxy_ports(config))


def whitelist_rules(config: NodeConfig) -> list[Rule]:
    """Return the rules for egress of the forward proxy: public addresses on the list's ports."""
    blocks = [everywhere(version, but=PRIVATE) for version in (4, 6)]
    return [*_to_name_servers(), {"to": blocks, "ports": _tcp(config.whitelist.open_ports)}]


def with_egress(spec: dict[str, Any], rules: Sequence[Rule]) -> dict[str, Any]:
    """Return a policy's ``spec`` with rules for egress; without rules, egress stays open."""
    if not rules:
        return spec
    types = [*spec["policyTypes"], "Egress"]
    return spec | {"policyTypes": types, "egress": list(rules)}


def node_ports(config: NodeConfig) -> tuple[int, ...]:
    """Return the TCP ports on which the node calls out, except those of the API server."""
    images = [
        *(config.policies.allowed_algorithms or ()),
        *(pattern for rule in config.kubernetes.images.signatures for pattern in rule.images),
    ]
    urls = [
        *(login.registry for login in config.docker_registries),
        *config.kubernetes.images.mirrors.values(),
        *(config.policies.allowed_algorithm_stores or ()),
    ]
    # An entry of the policies may be a regular expression.
    named = [*images, *(f"{url.removesuffix('$')}/" for url in urls)]
    ports = {int(port) for text in named for port in _PORT.findall(text.replace("\\", ""))}
    # Registries and stores without a port in their names.
    clear = (url for url in urls if url.lstrip("^").startswith("http://"))
    ports |= {443, *(80 for url in clear if not _PORT.match(f"{url}/"))}
    ports |= {*config.kubernetes.walls.own_ports, *_ports_to_the_server(config)}
    return tuple(sorted(port for port in ports if 1 <= port <= 65535))


def proxy_ports(config: NodeConfig) -> tuple[int, ...]:
    """Return the TCP ports on which the proxy calls out."""
    # The dummy server's proxy is a stand-in, and tells whether the outside answers.
    own = () if config.kind.has_own_objects else WEB_PORTS
    return tuple(sorted({*_ports_to_the_server(config), *own}))


def _ports_to_the_server(config: NodeConfig) -> set[int]:
    return {port for _, port in _places(config)}


def _places(config: NodeConfig) -> Iterator[tuple[str, int]]:
    """Yield host and port of the server, and of the site's outer proxies."""
    outer = [
        value for name, value in config.node_extra_env.items() if name.upper() in OUTER_PROXIES
    ]
    for url in (config.server_address, *outer):
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:  # `check` tells of such an outer proxy
            continue
        if parts.hostname:
            yield parts.hostname, port


def _common(config: NodeConfig, ports: Sequence[int]) -> list[Rule]:
    """Return the rules that node and proxy share."""
    names = list(_to_name_servers())
    if config.kubernetes.walls.own_egress == "ports":
        return [*names, {"ports": _tcp(ports)}]
    outside = {"to": [everywhere(4), everywhere(6)], "ports": _tcp(ports)}
    return [*names, outside, *_to_neighbours(config)]


def _to_testers(config: NodeConfig) -> Rule:
    """Return the way on which the node tries to get into the pods of its self-test.

    The policy of algorithms keeps the node out of their pods; the test shows that.
    """
    names = Identity(config.kubernetes.node_name)
    components = (identity.COMPONENT_ALGORITHM, identity.COMPONENT_CONTROL)
    peers = [{"podSelector": {"matchLabels": names.labels_of(each)}} for each in components]
    return {"to": peers, "ports": _tcp([LISTEN_PORT])}


def _to_name_servers() -> Iterator[Rule]:
    pods: list[Rule] = [
        {
            "namespaceSelector": {"matchLabels": {identity.LABEL_NAMESPACE: namespace}},
            "podSelector": {"matchLabels": labels},
        }
        for namespace, labels in _NAME_SERVERS.items()
    ]
    ports = [{"protocol": each, "port": port} for each in ("UDP", "TCP") for port in _DNS_PORTS]
    yield {"to": [*pods, {"ipBlock": {"cidr": _LOCAL_NAME_SERVER}}], "ports": ports}


def everywhere(version: int, but: Sequence[str] = ()) -> Rule:
    """Return the peer of all addresses of IPv4 or IPv6, except those of a cloud's metadata.

    Args:
        version: 4 or 6.
        but: more networks to leave out; those of the other version do not count.
    """
    networks = (*METADATA, *map(ipaddress.ip_network, but))
    left_out = dict.fromkeys(str(each) for each in networks if each.version == version)
    block = {"cidr": "0.0.0.0/0" if version == 4 else "::/0", "except": list(left_out)}
    return {"ipBlock": block}


def _to_neighbours(config: NodeConfig) -> Iterator[Rule]:
    """Yield the way to a server behind a Service: a policy judges its pods, on their own ports."""
    hosts = (host for host, _ in _places(config))
    namespaces = {_namespace(host, config.kubernetes.namespace) for host in hosts}
    for namespace in sorted(namespaces - {""}):
        selector = {"matchLabels": {identity.LABEL_NAMESPACE: namespace}}
        every_port = {"protocol": "TCP", "port": 1, "endPort": 65535}
        yield {"to": [{"namespaceSelector": selector}], "ports": [every_port]}


def _namespace(host: str, own: str) -> str:
    """Return the namespace of the Service that a host names; empty for a host of no Service."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.lower().rstrip(".").split(".")
    else:
        return ""
    if len(labels) == 1:
        return own if host != "localhost" else ""
    return labels[1] if labels[2:3] == ["svc"] else ""


def _tcp(ports: Sequence[int]) -> list[Rule]:
    return [{"protocol": "TCP", "port": port} for port in ports]
