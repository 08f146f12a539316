"""The API server's audit log: the node uses each right of its Role, and asks for no other."""

from __future__ import annotations

import os
from typing import Any

import pytest

from devcluster import audit
from devcluster.layout import Layout
from devstation import DummyStation, wait_for
from tests.cluster.second_node import second_node
from tests.cluster.station import NAMESPACE
from tests.fakes.roles import Right, granted

NODE = f"system:serviceaccount:{NAMESPACE}:v6-node"
#: Group, resource with its subresource, verb.
#: Rights that a healthy node has no use for in this test, with the reason.
RARE: dict[Right, str] = {
    ("", "events", "create"): "the self-test is off here; test_walls_self_test.py sees its Event",
}

pytestmark = pytest.mark.dev_cluster  # another cluster's audit log is out of reach


def right_of(event: dict[str, Any]) -> Right:
    asked = event["objectRef"]
    resource = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
    return asked.get("apiGroup", ""), resource, event["verb"]


def audited(station: DummyStation) -> list[dict[str, Any]]:
    """Return the events of the station's node; an older namespace of the name does not count."""
    made = station.cluster.kubectl(
        "get", "namespace", NAMESPACE, "-o", "jsonpath={.metadata.creationTimestamp}"
    )
    return [
        event
        for event in audit.events(Layout.chosen(os.environ))
        if event["user"]["username"] == NODE
        and "objectRef" in event
        and event["requestReceivedTimestamp"] >= made
    ]


def use_all_rights(station: DummyStation) -> None:
    """Let the node do all that a node does: runs that end, wait and are killed; and a takeover."""
    with station.emitter() as emitter:
        ended, missing = station.payload(), station.payload(databases_to_use=["late"])
        for payload in (ended, missing):
            assert emitter.post(payload)["accepted"]
        assert emitter.wait(ended["run_id"], 200)["status"] == "completed"
        wait_for(
            lambda: ("", "events", "list") in {right_of(event) for event in audited(station)},
            "the node asks for the Events of a run that does not start",
            every=2,
        )
        emitter.request("kill_request", {"run_ids": [missing["run_id"]]})
        emitter.wait(missing["run_id"], 200)
    with second_node(station):
        pass


def test_the_node_uses_its_rights_and_asks_for_no_other(station: DummyStation):
    use_all_rights(station)
    (role,) = station.get("roles")
    wanted = granted(role) - RARE.keys()
    wait_for(  # the node renews its Lease every few seconds
        lambda: {right_of(event) for event in audited(station)} >= wanted,
        f"the node uses {len(wanted)} rights",
        every=2,
    )
    events = audited(station)
    forbidden = [e for e in events if e["annotations"]["authorization.k8s.io/decision"] != "allow"]
    assert {right_of(event) for event in forbidden} == set()
    assert {right_of(event) for event in events} == wanted


def test_the_node_asks_in_its_own_namespace_only(station: DummyStation):
    assert {event["objectRef"].get("namespace") for event in audited(station)} == {NAMESPACE}
