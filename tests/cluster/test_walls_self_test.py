"""The self-test of the walls by a deployed node, and without the policies as a control."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from devcluster import profiles
from devcluster.layout import Layout
from devstation import Cluster, DummyStation, wait_for
from node_poc.cluster.connect import connect
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.self_test import SelfTest
from node_poc.config.load import parse_config
from node_poc.manifests.identity import LABEL_RUN, TESTER_RUN
from node_poc.runs.walls_verdict import Enforcement
from tests.cluster.station import own_station

TEST_SECONDS = 240.0
VERDICTS = ("the walls around algorithms are proven", "the walls around algorithms are not proven")
#: The ways of a cluster on machines without a cloud; a machine with a cloud has its metadata, too.
WAYS = {
    "the API server's Service",
    "the API server's machine",
    "the kubelet of its machine",
    "DNS by UDP",
    "DNS by TCP, in another namespace",
    "the node's pod",
    "the server",
    "another pod",
    "another algorithm's pod",
    "from another pod",
}


def with_self_test(config: dict[str, Any]) -> None:
    config["kubernetes"]["walls"] = {"self_test_hours": 24}


@pytest.fixture(scope="module")
def station(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DummyStation]:
    folder = tmp_path_factory.mktemp("walls")
    with own_station(cluster, "walls", 5061, folder, with_self_test) as made:
        yield made


def verdicts(station: DummyStation) -> list[dict[str, Any]]:
    """Return the lines about verdicts in the log of the node's present pod."""
    lines = [line for line in station.node_log().splitlines() if line.startswith("{")]
    return [line for line in map(json.loads, lines) if line["event"] in VERDICTS]


def reasons_at_the_node(station: DummyStation) -> set[str]:
    """Return the reasons of the Events about the node's pods, as ``describe`` shows them."""
    pods = {pod["metadata"]["uid"] for pod in station.get("pods")}
    events = [each for each in station.get("events") if each["involvedObject"].get("uid") in pods]
    return {each["reason"] for each in events}


def self_test_jobs(station: DummyStation) -> list[str]:
    """Return the label of the run of each Job of the self-test."""
    runs = [job["metadata"]["labels"][LABEL_RUN] for job in station.get("jobs")]
    return [run for run in runs if run.startswith(TESTER_RUN)]


@pytest.mark.timeout(600)
def test_a_deployed_node_proves_its_walls_or_sees_their_window(station: DummyStation):
    wait_for(lambda: bool(verdicts(station)), "the node has a verdict", TEST_SECONDS)
    (line,) = verdicts(station)
    assert set(line["tested"]) >= WAYS, line
    profile = profiles.of(Layout.chosen(os.environ))
    if profile.enforces_policies_at_once:
        assert line["verdict"].startswith("enforced at once (9 pods"), line
    else:
        assert "after a pod's start" in line["verdict"], line
    wait_for(lambda: not self_test_jobs(station), "the pods of the test are gone", 60.0)
    reason = "WallsProven" if profile.enforces_policies_at_once else "WallsLate"
    wait_for(lambda: reason in reasons_at_the_node(station), "the Event of the verdict")


@pytest.mark.timeout(600)
def test_the_verdict_counts_after_a_restart_without_another_test(station: DummyStation):
    wait_for(lambda: bool(verdicts(station)), "the node has a verdict", TEST_SECONDS)
    station.restart_node()
    assert verdicts(station), station.node_log()
    assert self_test_jobs(station) == []
    payload = station.payload()
    assert station.run(payload)["status"] == "completed"
    job = station.job_of(payload["run_id"])
    assert job is not None
    # So does the test of protections, which dev clusters have: each run has users of its own.
    assert job["spec"]["template"]["spec"]["hostUsers"] is False


@pytest.mark.timeout(600)
def test_doctor_in_the_nodes_pod_finds_no_failure(station: DummyStation):
    python = ("/opt/venv/bin/python", "-m", "node_poc", "doctor")
    told = station.kubectl("exec", "deployment/v6-node", "-c", "node", "--", *python)
    levels = [line.split()[0] for line in told.splitlines()]
    assert "failure" not in levels, told
    assert levels.count("ok") >= 9, told
    assert "the node's ServiceAccount has its" in told
    assert "is at work" in told
    assert "the audit trail: all" in told
    assert "kubernetes.pods.recursive_read_only: the cluster has it" in told
    assert "the self-test: enforced" in told
    assert self_test_jobs(station) == []


@pytest.mark.timeout(600)
def test_without_policies_the_walls_are_not_enforced(station: DummyStation, api_access: None):
    """The control: policies, and nothing else, close the ways of the tests above."""
    wait_for(lambda: bool(verdicts(station)), "the node's own test is over", TEST_SECONDS)
    (item,) = [item for item in station.objects() if item["kind"] == "ConfigMap"]
    data = yaml.safe_load(item["data"]["node_config.yaml"])
    # Another node's name: the deployed node removes the Jobs of its own former tests only.
    data["kubernetes"] |= {
        "node_image": station.cluster.image("v6_node_poc"),
        "node_name": "without walls",
    }
    config = parse_config(yaml.safe_dump(data), {})
    walls = [item for item in station.objects() if item["kind"] == "NetworkPolicy"]
    station.cluster.delete(*walls)
    try:
        api = connect(os.environ.get("CONTEXT") or None)
        objects = ClusterObjects(api, station.location.namespace)
        verdict = SelfTest(config, api, objects, lambda: 1).run(threading.Event())
    finally:
        station.cluster.apply(*walls)
    assert verdict.enforcement is Enforcement.NOT, verdict
    assert {"the API server's machine", "the kubelet of its machine", "the server"} <= set(
        verdict.open_ways
    )
    assert self_test_jobs(station) == []
