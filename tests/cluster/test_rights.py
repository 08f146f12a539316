"""The rights of the node's ServiceAccount, according to the real API server."""

from __future__ import annotations

import pytest

from devstation import DummyStation
from tests.cluster.station import NAMESPACE

NODE = f"system:serviceaccount:{NAMESPACE}:v6-node"
ALLOWED = {
    "create events",
    "create jobs",
    "create leases",
    "delete jobs",
    "get leases/v6-node-fdc80b62",
    "get pods",
    "get pods --subresource=log",
    "get services/v6proxy",
    "list events",
    "list jobs",
    "list networkpolicies",
    "list pods",
    "patch jobs",
    "update leases/v6-node-fdc80b62",
    "watch jobs",
    "watch networkpolicies",
    "watch pods",
}
DENIED = {
    "create networkpolicies",
    "create pods",
    "create pods --subresource=exec",
    "create serviceaccounts --subresource=token",
    "delete networkpolicies",
    "delete pods",
    "get configmaps",
    "get nodes",
    "get networkpolicies",
    "patch networkpolicies",
    "get secrets",
    "get events",
    "patch events",
    "list leases",
    "list secrets",
    "list services",
    "update jobs",
    "update leases/another",
    "watch events",
}


def may(station: DummyStation, action: str, namespace: str) -> bool:
    told = station.cluster.kubectl(
        "auth", "can-i", *action.split(), "--as", NODE, "-n", namespace, check=False
    )
    answers = {"yes", "no"} & set(told.split())
    assert len(answers) == 1, told
    return answers == {"yes"}


@pytest.mark.parametrize("action", sorted(ALLOWED))
def test_node_may_do_what_it_needs(station: DummyStation, action: str):
    assert may(station, action, NAMESPACE)


@pytest.mark.parametrize("action", sorted(DENIED))
def test_node_may_do_nothing_else(station: DummyStation, action: str):
    assert not may(station, action, NAMESPACE)


@pytest.mark.parametrize("action", sorted(ALLOWED))
def test_node_may_do_nothing_in_another_namespace(station: DummyStation, action: str):
    assert not may(station, action, "kube-system")
