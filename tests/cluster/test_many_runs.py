"""Many runs at once, and runs that are stuck in front of others."""

from __future__ import annotations

import csv
import itertools
from datetime import datetime

import pytest

from devstation import PATIENCE_SECONDS, ROOT, DummyStation, wait_for
from tests.cluster.odd_images import OddImages, command
from tests.cluster.station import HOME, TASKS

_END = "finishedAt"
NUMERIC = ["Age", "Salary", "YearsOfService", "WeeklyHours", "PerformanceScore"]


def averages() -> dict[str, float]:
    with (ROOT / "csv" / "employees.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = {}
    for column in NUMERIC:
        values = [float(row[column]) for row in rows if row[column].strip()]
        found[column] = sum(values) / len(values)
    return found


def test_twenty_different_runs_in_one_second_all_give_their_own_right_result(station: DummyStation):
    expected = averages()
    columns = list(itertools.islice(itertools.cycle(NUMERIC), 20))
    payloads = [
        station.payload("/app/input/csv/default", column, f"/app/output/{n}-{column}.txt")
        for n, column in enumerate(columns)
    ]
    assert len({payload["run_id"] for payload in payloads}) == 20
    with station.emitter() as emitter:
        answers = [emitter.submit(payload) for payload in payloads]
        assert all(answer.result(30)["accepted"] for answer in answers)
        results = [emitter.wait(p["run_id"], timeout_s=PATIENCE_SECONDS) for p in payloads]
    for n, (payload, column, result) in enumerate(zip(payloads, columns, results, strict=True)):
        assert (result["run_id"], result["status"]) == (payload["run_id"], "completed")
        path = TASKS / str(payload["run_id"]) / "output" / f"{n}-{column}.txt"
        assert float(path.read_text()) == pytest.approx(expected[column], rel=1e-12)


WAIT_FOR_GO = """
import pathlib, sys, time
while not pathlib.Path("/app/tmp/go").exists():
    time.sleep(0.02)
print("went", sys.argv[-1], flush=True)
"""


def test_twenty_runs_that_end_in_the_same_second_give_twenty_results(station: DummyStation):
    name = "v6_test_together"
    OddImages(station.cluster.settings["REGISTRY"]).derive(
        name, command("python3", "-c", WAIT_FOR_GO)
    )
    common = {"image": f"{station.cluster.images}/{name}", "tmp_vol_name": "together"}
    payloads = [station.payload(f"word-{number}", **common) for number in range(20)]
    runs = {payload["run_id"] for payload in payloads}
    active: set[int | None] = set()
    with station.emitter(
        lambda e: active.add(e.run_id) if e.data.get("status") == "active" else None
    ) as emitter:
        for payload in payloads:
            assert emitter.post(payload)["accepted"]
        wait_for(lambda: active >= runs, "all twenty are active")
        (TASKS / "tmp" / "together" / "go").touch()
        results = [emitter.wait(p["run_id"], timeout_s=PATIENCE_SECONDS) for p in payloads]
    for number, result in enumerate(results):
        assert (result["status"], result["log"]) == ("completed", f"went word-{number}\n")
    ends = [
        datetime.fromisoformat(pod["status"]["containerStatuses"][0]["state"]["terminated"][_END])
        for pod in station.get("pods", "-l", "vantage6.ai/run-id")
        if int(pod["metadata"]["labels"]["vantage6.ai/run-id"]) in runs
    ]
    assert len(ends) == 20
    # Mostly one second; a slow machine needs more for twenty ends.
    assert (max(ends) - min(ends)).total_seconds() <= 10


def test_an_absent_image_is_told_and_delays_nobody(station: DummyStation):
    absent = station.payload(image=f"{station.cluster.images}/no-such-image:1")
    good = [station.payload() for _ in range(3)]
    order = []
    with station.emitter(lambda e: e.kind.value == "result" and order.append(e.run_id)) as emitter:
        for payload in (absent, *good):
            assert emitter.post(payload)["accepted"]
        results = [emitter.wait(p["run_id"], timeout_s=PATIENCE_SECONDS) for p in (absent, *good)]
    assert [result["status"] for result in results[1:]] == ["completed"] * 3
    assert results[0]["status"] == "non-existing Docker image"
    assert results[0]["cause"] == "ImageNotFound"
    assert "not found" in results[0]["detail"]
    assert results[0]["advice"]
    wait_for(lambda: station.job_of(absent["run_id"]) is None, "its Job is gone: it may never run")


def test_a_pending_pod_in_front_delays_nobody(station: DummyStation):
    """The first run's pod stays Pending, because its database has no file."""
    stuck = station.payload("/app/input/csv/late", "Age", "/app/output/avg.txt")
    stuck["databases_to_use"] = ["late"]
    good = [station.payload() for _ in range(3)]
    late_file = HOME / "csv" / "late.csv"
    with station.emitter() as emitter:
        for payload in (stuck, *good):
            assert emitter.post(payload)["accepted"]
        for payload in good:
            result = emitter.wait(payload["run_id"], timeout_s=PATIENCE_SECONDS)
            assert result["status"] == "completed"
        (pod,) = station.get("pods", "-l", f"vantage6.ai/run-id={stuck['run_id']}")
        assert pod["status"]["phase"] == "Pending"
        late_file.write_text("Age\n1\n2\n")
        try:
            # The kubelet looks for the file again after growing pauses.
            result = emitter.wait(stuck["run_id"], timeout_s=PATIENCE_SECONDS)
        finally:
            late_file.unlink()
    assert result["status"] == "completed"
