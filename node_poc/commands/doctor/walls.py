"""The walls around algorithms: settings, NetworkPolicies, ways that the site opens, self-test."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.listing import list_all
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.self_test import SelfTest
from node_poc.commands.doctor.lines import Line, failure, ok, warning
from node_poc.config.model import NodeConfig
from node_poc.config.walls import Walls as WallsSettings
from node_poc.isolation.own_ways import node_ports, proxy_ports
from node_poc.isolation.walls import Walls
from node_poc.runs.walls_verdict import Enforcement, WallsVerdict

_POLICIES = "the NetworkPolicies"
_TEST = "the self-test"
_PLUGIN = "let the cluster's network plugin enforce NetworkPolicies on these ways"


def look_at_policies(config: NodeConfig, api: KubernetesApi) -> Iterator[Line]:
    """Yield the findings about settings and policies. Raises ClusterError."""
    namespace = config.kubernetes.namespace
    yield from of_settings(config.kubernetes.walls)
    path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    found, _ = list_all(api, path, "")
    yield from of_policies(config, found)
    yield from opened_ways(config)
    yield from own_ways(config)


def make_self_test(config: NodeConfig, api: KubernetesApi, health_port: int) -> Iterator[Line]:
    """Start the pods of one self-test, for about half a minute, and yield the findings.

    Args:
        config: the node's configuration.
        api: the connection to the API server.
        health_port: the port of the node's health server, a target of the test.
    """
    objects = ClusterObjects(api, config.kubernetes.namespace)
    test = SelfTest(config, api, objects, lambda: health_port)
    yield from of_verdict(config.kubernetes.walls, test.run(threading.Event()))


def opened_ways(config: NodeConfig) -> Iterator[Line]:
    """Yield the ways out that the site itself opens for algorithms."""
    if ways := config.opened_ways:
        yield ok(f"the site opens for algorithms: {'; '.join(ways)}")
    else:
        yield ok("the site opens no way for algorithms beside the proxy")


def own_ways(config: NodeConfig) -> Iterator[Line]:
    """Yield the ways out of the node's and the proxy's own pods."""
    walls = config.kubernetes.walls
    if walls.own_egress == "open":
        return  # of_settings warns
    where = "every address" if walls.own_egress == "ports" else "no metadata address"
    yield ok(
        f"the policies open for the node: DNS, TCP {_told(node_ports(config))} ({where}), the API "
        f"server's {_told(walls.api_ports)} (every address); for the proxy: DNS, TCP "
        f"{_told(proxy_ports(config))} ({where})",
    )


def _told(ports: Iterable[int]) -> str:
    return ", ".join(map(str, ports))


def of_settings(walls: WallsSettings) -> Iterator[Line]:
    """Yield the settings that switch a protection off."""
    if not walls.required:
        yield warning(
            "kubernetes.walls.required is false: runs start without their walls",
            "set it to true",
        )
    if walls.own_egress == "open":
        yield warning(
            "kubernetes.walls.own_egress is open: node and proxy reach every address",
            "set it to addresses, and apply the policies again",
        )
    if walls.self_test_hours is None:
        yield warning(
            "kubernetes.walls.self_test_hours is null: the node never tests its walls",
            "set it to a number such as 24",
        )


def of_policies(config: NodeConfig, found: list[dict[str, object]]) -> Iterator[Line]:
    """Yield whether the policies are right.

    Args:
        config: the node's configuration.
        found: the NetworkPolicies of the node's namespace.
    """
    breaches = Walls(config).breaches(found)
    for breach in breaches:
        subject = f"NetworkPolicy {breach.policy} " if breach.policy else ""
        yield failure(f"{subject}{breach.found}", breach.remedy)
    if not breaches:
        yield ok(f"{_POLICIES}: all are there, and none opens another way")


def of_verdict(walls: WallsSettings, verdict: WallsVerdict) -> Iterator[Line]:
    """Yield the meaning of a self-test for the runs of this node."""
    told = f"{_TEST}: {verdict}"
    match verdict.enforcement:
        case Enforcement.AT_ONCE:
            yield ok(told)
        case Enforcement.NOT:
            yield failure(told, _PLUGIN)
        case Enforcement.LATE if walls.gate == "off":
            remedy = "set kubernetes.walls.gate to auto, so that runs wait for their walls"
            yield failure(told, remedy)
        case Enforcement.LATE:
            yield ok(f"{told}; each run waits behind its gate")
        case _:
            yield warning(told, "remove the reason, and call doctor again")
    if verdict.tested:
        yield ok(f"{_TEST} tried: {', '.join(verdict.tested)}")
    if verdict.not_tested:
        ways = ", ".join(verdict.not_tested)
        yield warning(
            f"{_TEST} proves nothing about: {ways}",
            "nobody reached these destinations, which may not exist here",
        )
