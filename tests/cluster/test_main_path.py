"""A run from its command to its average, on the real cluster."""

from __future__ import annotations

import csv
import itertools
import json
import stat

import pytest

from devstation import PATIENCE_SECONDS, ROOT, DummyStation, wait_for
from tests.cluster.station import TASKS


def expected_average(column: str) -> float:
    with (ROOT / "csv" / "employees.csv").open() as file:
        values = [float(row[column]) for row in csv.DictReader(file) if row[column].strip()]
    return sum(values) / len(values)


def test_average_arrives_with_log_exit_code_and_output(station: DummyStation):
    payload = station.payload()
    result = station.run(payload)

    assert result["status"] == "completed"
    assert result["exit_code"] == 0
    assert result["cause"] is None
    assert [item["path"] for item in result["output"]] == ["avg.txt"]
    written = (TASKS / str(payload["run_id"]) / "output" / "avg.txt").read_text()
    assert float(written) == pytest.approx(expected_average("Age"), rel=1e-12)
    assert result["output"][0]["size"] == len(written)
    assert "average" in result["log"]
    times = [result["timeline"][key] for key in ("received", "job_created", "started", "ended")]
    assert all(times)


def test_statuses_come_in_order_and_the_result_once(station: DummyStation):
    seen = []
    payload = station.payload("/app/input/csv/default", "Age", "/app/output/avg.txt", "6")
    with station.emitter(seen.append) as emitter:
        emitter.post(payload)
        emitter.wait(payload["run_id"], timeout_s=PATIENCE_SECONDS)
    statuses = [event.data["status"] for event in seen if event.kind.value == "status"]
    # A full or slow cluster is told as one more status "initializing", with its reason.
    assert [status for status, _ in itertools.groupby(statuses)] == [
        "pending",
        "initializing",
        "active",
    ]
    assert [event.kind.value for event in seen].count("result") == 1


def test_job_is_kept_with_a_time_to_live_only_after_the_result_was_acknowledged(
    station: DummyStation,
):
    payload = station.payload()
    station.run(payload)
    job = wait_for(
        lambda: (
            (job := station.job_of(payload["run_id"]))
            and "ttlSecondsAfterFinished" in job["spec"]
            and job
        ),
        "the Job is marked as delivered",
    )
    assert job["metadata"]["annotations"]["vantage6.ai/result-delivered"] == "true"
    assert job["spec"]["backoffLimit"] == 0


def test_secrets_stand_in_no_object_and_in_no_log(station: DummyStation):
    payload = station.payload(token="token-that-nobody-may-see", docker_input="input-to-hide")
    station.run(payload)
    objects = json.dumps(station.get("jobs,pods"))
    for secret in ("token-that-nobody-may-see", "input-to-hide"):
        assert secret not in objects
        assert secret not in station.node_log()
    folder = TASKS / str(payload["run_id"])
    left = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert "result.json" in left
    assert not left.keys() & {"token", "docker_input"}
    for secret in (b"token-that-nobody-may-see", b"input-to-hide"):
        assert secret not in b"".join(left.values())
    assert stat.S_IMODE(folder.stat().st_mode) & 0o007 == 0


def test_algorithm_pod_has_no_rights(station: DummyStation):
    payload = station.payload()
    station.run(payload)
    (pod,) = station.get("pods", "-l", f"vantage6.ai/run-id={payload['run_id']}")
    spec = pod["spec"]
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert set(container["resources"]["limits"]) == {"cpu", "memory", "ephemeral-storage"}
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {
        "/app/output",
        "/app/tmp",
        "/app/token",
        "/app/input/docker_input",
        "/app/input/csv/default",
        "/tmp",
    }
    databases = [m for m in container["volumeMounts"] if m["mountPath"].startswith("/app/input")]
    assert all(mount["readOnly"] for mount in databases)


def test_failure_of_the_algorithm_is_told_with_its_log(station: DummyStation):
    result = station.run(station.payload("/app/input/csv/default", "NoSuch", "/app/output/a.txt"))
    assert result["status"] == "crashed"
    assert result["exit_code"] == 4
    assert result["cause"] == "ExitCode"
    assert "NoSuch" in result["log"]
    assert result["advice"]


def test_arguments_arrive_as_they_were_given(station: DummyStation):
    column = "$(HOME) $$ \"quoted\" 'single'\nsecond line \u00e9"
    result = station.run(station.payload("/app/input/csv/default", column, "/app/output/a.txt"))
    assert result["exit_code"] == 4
    assert "$(HOME) $$" in result["log"]
    assert "second line \u00e9" in result["log"]


def test_log_keeps_its_end_when_an_argument_of_100_kb_makes_it_long(station: DummyStation):
    column = "x" * 100_000
    result = station.run(station.payload("/app/input/csv/default", column, "/app/output/a.txt"))
    assert result["exit_code"] == 4
    assert result["log_truncated"] is True
    assert len(result["log"]) == 64 * 1024
    assert "Salary" in result["log"][-500:]  # the log's last line names the existing columns
