"""The node's pod is deleted while a run goes on: the run goes on and has exactly one result."""

from __future__ import annotations

import time

import pytest

from devstation import PATIENCE_SECONDS, DummyStation
from tests.cluster.station import NAMESPACE

NODE = ("-l", "app.kubernetes.io/name=v6-node")


def restart_politely(station: DummyStation) -> None:
    station.cluster.kubectl("-n", NAMESPACE, "delete", "pod", *NODE)


def kill_at_once(station: DummyStation) -> None:
    station.cluster.kubectl("-n", NAMESPACE, "delete", "pod", *NODE, "--force", "--grace-period=0")


@pytest.mark.parametrize("end_node", [restart_politely, kill_at_once])
@pytest.mark.parametrize("seconds", ["0", "20"], ids=["ends meanwhile", "still runs"])
def test_result_arrives_once_after_a_restart(station: DummyStation, end_node, seconds: str):
    seen = []
    payload = station.payload("/app/input/csv/default", "Age", "/app/output/avg.txt", seconds)
    with station.emitter(seen.append) as emitter:
        assert emitter.post(payload)["accepted"]
        end_node(station)
        result = emitter.wait(payload["run_id"], timeout_s=PATIENCE_SECONDS)
        time.sleep(2)  # a second result would follow at once
    station.wait_ready()
    assert result["status"] == "completed"
    assert len([event for event in seen if event.kind.value == "result"]) == 1
    (job,) = station.get("jobs", "-l", f"vantage6.ai/run-id={payload['run_id']}")
    pods = station.get("pods", "-l", f"vantage6.ai/run-id={payload['run_id']}")
    assert len(pods) == 1, "an algorithm never runs twice"
    assert job["metadata"]["name"].endswith(str(payload["run_id"]))
