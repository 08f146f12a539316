"""Take a verb of the Role away, and look at the effect on the node and on a run.

tests/cluster/test_missing_rights.py shows for every verb how the real API server refuses the call.
"""

from __future__ import annotations

import threading

import pytest

from node_poc.node import Node
from tests.contract.held_runs import readyz
from tests.fakes.kube_faults import FOR_EVER
from tests.fakes.station import eventually, payload
from tests.fakes.walls import put_up_walls


def refuse(station, verb, part):
    """Let the API server refuse a verb, as without the right."""
    station.api.faults.add(verb, part, status=403, times=FOR_EVER)


def run_to_its_end(station, emitter):
    """Return the result of a run with a line in its log."""
    assert emitter.post(payload(7))["accepted"]
    station.job_arrives(7)
    station.api.kubelet.starts(7)
    station.api.kubelet.ends(7, log=b"said\n")
    return emitter.wait(7, 40)


def test_create_of_jobs_starts_a_run(station, emitter):
    refuse(station, "POST", "/jobs")
    emitter.post(payload(7))
    assert emitter.wait(7, 40)["status"] == "start failed"
    assert station.api.jobs() == []


def test_patch_of_jobs_marks_a_delivered_run(station, emitter):
    refuse(station, "PATCH", "/jobs")
    assert run_to_its_end(station, emitter)["status"] == "completed"
    eventually(lambda: station.api.count("PATCH", "/jobs") > 1, "the node tries to mark the Job")
    (job,) = station.api.jobs()
    assert "vantage6.ai/result-delivered" not in job["metadata"]["annotations"]


def test_delete_of_jobs_ends_a_killed_run(station, emitter):
    refuse(station, "DELETE", "/jobs")
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.starts(7)
    emitter.request("kill_request", {"run_ids": [7]})
    eventually(lambda: station.api.count("DELETE", "/jobs"), "the node tries to remove the Job")
    assert len(station.api.jobs()) == 1


@pytest.mark.parametrize("part", ["/jobs", "/pods", "/networkpolicies"])
def test_watch_spares_lists(station, emitter, part):
    refuse(station, "WATCH", part)
    station.api.end_watches()
    before = station.api.count("GET", part)
    eventually(
        lambda: station.api.count("GET", part) > before + 3, "the node lists again and again"
    )


def test_get_of_logs_keeps_the_log(station, emitter):
    refuse(station, "GET", "/log")
    assert "said" not in run_to_its_end(station, emitter)["log"]


def test_get_of_services_finds_the_proxy(station):
    refuse(station, "GET", "/services")
    emitter = station.start()
    emitter.post(payload(7))
    assert emitter.wait(7, 40)["status"] == "start failed"
    assert station.api.jobs() == []


@pytest.mark.parametrize(
    ("verb", "part", "told"),
    [
        ("GET", "/jobs", "the Jobs of this node are not known yet"),
        ("GET", "/leases", "waits for the Lease"),
        ("POST", "/leases", "waits for the Lease"),
    ],
)
def test_a_node_is_not_ready_without(station, verb, part, told):
    refuse(station, verb, part)
    station.server.start()
    config = put_up_walls(station.api, station.write_config())
    node = Node(config, None, threading.Event(), context=None, health_port=0)
    station._nodes.append(node)
    starting = threading.Thread(target=node.start, daemon=True)
    starting.start()
    eventually(lambda: told in readyz(station), told)
    assert readyz(station).startswith("503 ")
    node._ending.set()
