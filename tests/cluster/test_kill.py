"""Killed runs: pods end within their grace period, logs stay, and each case has a clear answer."""

from __future__ import annotations

from devstation import PATIENCE_SECONDS, DummyStation, wait_for
from tests.cluster.station import NAMESPACE, TASKS


def kill(station: DummyStation, **what: object) -> list[dict[str, object]]:
    with station.emitter() as emitter:
        answer = emitter.request("kill_request", what)
    assert "error" not in answer, answer
    outcomes: list[dict[str, object]] = answer["outcomes"]
    return outcomes


def test_running_run_is_killed_its_pod_goes_and_its_log_stays(station: DummyStation):
    seen = []
    payload = station.payload("/app/input/csv/default", "Age", "/app/output/avg.txt", "300")
    run_id = payload["run_id"]
    log = TASKS / str(run_id) / "log"
    with station.emitter(seen.append) as emitter:
        assert emitter.post(payload)["accepted"]
        wait_for(lambda: any(e.data.get("status") == "active" for e in seen), "the run is active")
        wait_for(lambda: log.exists() and b"average" in log.read_bytes(), "it has logged")
        assert kill(station, run_ids=[run_id]) == [
            {"run_id": run_id, "outcome": "killed", "status": "active"}
        ]
        result = emitter.wait(run_id, timeout_s=PATIENCE_SECONDS)
    assert (result["status"], result["cause"]) == ("killed by user", "KilledByUser")
    assert "average" in result["log"]
    wait_for(lambda: not station.pods_of(run_id), "its pod is gone")
    wait_for(lambda: station.job_of(run_id) is None, "its Job is gone")
    (again,) = kill(station, run_ids=[run_id])
    assert (again["outcome"], again["status"]) == ("already ended", "killed by user")


def test_run_that_nobody_knows_is_unknown(station: DummyStation):
    (outcome,) = kill(station, run_ids=[1])
    assert outcome["outcome"] == "unknown"


def test_run_whose_pod_never_started_is_killed_too(station: DummyStation):
    payload = station.payload("/app/input/csv/late", "Age", "/app/output/avg.txt")
    payload["databases_to_use"] = ["late"]  # a database without a file
    with station.emitter() as emitter:
        assert emitter.post(payload)["accepted"]
        wait_for(lambda: station.pods_of(payload["run_id"]), "its pod is there, Pending")
        kill(station, run_ids=[payload["run_id"]])
        result = emitter.wait(payload["run_id"], timeout_s=PATIENCE_SECONDS)
    assert result["status"] == "killed by user"


def test_a_kill_survives_a_restart_of_the_node(station: DummyStation):
    payload = station.payload("/app/input/csv/default", "Age", "/app/output/avg.txt", "300")
    node = ("-l", "app.kubernetes.io/name=v6-node", "--force", "--grace-period=0")
    with station.emitter() as emitter:
        assert emitter.post(payload)["accepted"]
        wait_for(lambda: station.pods_of(payload["run_id"]), "its pod is there")
        kill(station, run_ids=[payload["run_id"]])
        station.cluster.kubectl("-n", NAMESPACE, "delete", "pod", *node)
        result = emitter.wait(payload["run_id"], timeout_s=PATIENCE_SECONDS)
    station.wait_ready()
    assert result["status"] == "killed by user"
    wait_for(lambda: station.job_of(payload["run_id"]) is None, "its Job is gone")
    wait_for(lambda: not station.pods_of(payload["run_id"]), "its pod is gone")


def test_questions_are_answered_while_runs_go_and_after(station: DummyStation):
    payload = station.payload("/app/input/csv/default", "Age", "/app/output/avg.txt", "3")
    run_id = payload["run_id"]
    with station.emitter() as emitter:
        assert emitter.post(payload)["accepted"]
        going = emitter.request("status_request", {"run_id": run_id})["run"]
        assert going["status"] in {"pending", "initializing", "active"}
        emitter.wait(run_id, timeout_s=PATIENCE_SECONDS)

        def delivered() -> list[dict[str, object]]:
            listed = emitter.request("list_request", {})["runs"]
            return [row for row in listed if row["run_id"] == run_id and row["delivered"]]

        (row,) = wait_for(delivered, "the node has the acknowledgement of the result")
        log = emitter.request("log_request", {"run_id": run_id, "offset": 0})
        output = emitter.request(
            "output_request", {"run_id": run_id, "path": "avg.txt", "offset": 0}
        )
        escape = emitter.request(
            "output_request", {"run_id": run_id, "path": "../token", "offset": 0}
        )
    assert (row["status"], row["delivered"]) == ("completed", True)
    assert "average" in log["text"]
    assert output["size"] == output["next_offset"] > 0
    assert set(escape) == {"error"}
