"""The audit trail in the node's pod after the node was killed: entries of a run, verification."""

from __future__ import annotations

import json
from typing import Any

from devstation import PATIENCE_SECONDS, DummyStation

AUDIT = ("exec", "deploy/v6-node", "--", "/opt/venv/bin/python", "-m", "node_poc", "audit")


def entries_of(station: DummyStation, run_id: int) -> list[dict[str, Any]]:
    lines = station.kubectl(*AUDIT, "show", "--run", str(run_id), "--json").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_a_run_is_in_the_trail_although_the_node_was_killed(station: DummyStation):
    payload = station.payload("/app/input/csv/default", "Age", "/app/output/avg.txt", "20")
    run_id = payload["run_id"]
    with station.emitter() as emitter:
        assert emitter.post(payload)["accepted"]
        station.kubectl(
            *("delete", "pod", "-l", "app.kubernetes.io/name=v6-node"),
            *("--force", "--grace-period=0"),
        )
        assert emitter.wait(run_id, timeout_s=PATIENCE_SECONDS)["status"] == "completed"
    station.wait_ready()
    by_event = {entry["event"]: entry for entry in entries_of(station, run_id)}
    assert list(by_event) == ["run taken", "run started", "run ended", "result delivered"]
    assert by_event["run taken"]["databases"] == ["default"]
    started = by_event["run started"]
    assert "v6-algorithms" in started["policies"]
    assert "policies_wrong" not in started
    assert by_event["run ended"]["output_files"] == 1
    verified = station.kubectl(*AUDIT, "verify")
    assert "compared with the node's Lease" in verified
    assert payload["token"] not in station.kubectl(*AUDIT, "show", "--json")
