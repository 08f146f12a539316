"""The dummy server is killed and comes back: each result still arrives, exactly once."""

from __future__ import annotations

import time

from devstation import PATIENCE_SECONDS, DummyStation


def test_result_arrives_once_after_the_server_was_dead_for_thirty_seconds(station: DummyStation):
    seen = []
    payload = station.payload("/app/input/csv/default", "Age", "/app/output/avg.txt", "5")
    with station.emitter(seen.append) as emitter:
        assert emitter.post(payload)["accepted"]
        station.server.kill()
        time.sleep(30)  # the outage; the run ends while the server is away
        station.server.start()
        result = emitter.wait(payload["run_id"], timeout_s=PATIENCE_SECONDS)
        assert result["status"] == "completed"
        time.sleep(2)  # a second result would follow at once
    results = [event for event in seen if event.kind.value == "result"]
    assert len(results) == 1
    assert len(station.get("jobs", "-l", f"vantage6.ai/run-id={payload['run_id']}")) == 1


def test_command_posted_while_the_node_is_away_is_kept_for_it(station: DummyStation):
    scale = ("-n", "v6-test", "scale", "deployment/v6-node")
    wait = ("-n", "v6-test", "wait", "--for=delete", "--timeout=120s")
    station.cluster.kubectl(*scale, "--replicas=0")
    station.cluster.kubectl(*wait, "pod", "-l", "app.kubernetes.io/name=v6-node")
    payload = station.payload()
    with station.emitter() as emitter:
        answer = emitter.post(payload)
        station.cluster.kubectl(*scale, "--replicas=1")
        assert (answer["accepted"], answer["state"]) == (True, "kept")
        result = emitter.wait(payload["run_id"], timeout_s=PATIENCE_SECONDS)
    station.wait_ready()
    assert result["status"] == "completed"
