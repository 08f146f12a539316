"""Runs whose container ends badly or very early: by itself or because of a limit."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from devstation import Cluster, wait_for
from tests.cluster.odd_images import OddImages, command
from tests.cluster.side_station import Listener, SideStation, listening, told

SETTINGS: dict[str, Any] = {
    "limits": {"run_seconds": 30},
    "resources": {"memory": "96Mi"},
}
LOG = "The algorithm reported a failure itself: its log tells why."
DOING = "Its log may tell what it was doing."
FILL_MEMORY = "kept = []\nwhile True: kept.append(bytearray(8 << 20))"
CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGABRT)"
SLEEP = "import time; time.sleep(300)"
# No other process on the machine sleeps for exactly this time.
LEFT = "299.0815"
LEAVE = f"""
import pathlib, subprocess, time
subprocess.Popen(["sleep", "{LEFT}"])
while not pathlib.Path("/app/tmp/seen").exists():
    time.sleep(0.05)
"""
IMAGES = {
    "v6_test_memory": FILL_MEMORY,
    "v6_test_abort": CRASH,
    "v6_test_sleep": SLEEP,
    "v6_test_leave": LEAVE,
}
STAY = ("/app/input/csv/default", "Age", "/app/output/avg.txt", "300")
# The failures: arguments, changed fields of the payload; exit code, status, cause, detail, advice.
Row = tuple[tuple[str, ...], dict[str, str], int | None, tuple[str, ...]]
EXPECTED: dict[str, Row] = {
    "exit-code": (
        ("/app/input/csv/default", "NoSuch", "/app/output/avg.txt"),
        {},
        4,
        ("crashed", "ExitCode", "exit code 4", LOG),
    ),
    "read-only-path": (
        ("/app/input/csv/default", "Age", "/app/avg.txt"),
        {},
        7,
        ("crashed", "ExitCode", "exit code 7", LOG),
    ),
    "signal": (
        (),
        {"image": "localhost:5001/v6_test_abort"},
        134,
        ("crashed", "Signal", "ended by SIGABRT", DOING),
    ),
    "out-of-memory": (
        (),
        {"image": "localhost:5001/v6_test_memory"},
        137,
        (
            "crashed",
            "OOMKilled",
            "the algorithm needed more memory than it may have",
            "Let it use less data at a time, or ask the site to raise its memory limit.",
        ),
    ),
    "deadline": (
        STAY,
        {},
        None,
        (
            "failed",
            "DeadlineExceeded",
            "it took longer than it may",
            "Let it do less, or ask the site for a longer kubernetes.limits.run_seconds.",
        ),
    ),
}


@pytest.fixture(scope="module")
def listener(
    cluster: Cluster, recorder: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listener]:
    images = OddImages(cluster.settings["REGISTRY"])
    for name, code in IMAGES.items():
        images.derive(name, command("python3", "-u", "-c", code))
    station = SideStation(cluster, "end", tmp_path_factory.mktemp("end"), **SETTINGS)
    with listening(station) as listener:
        yield listener


@pytest.fixture(scope="module")
def results(listener: Listener) -> dict[str, dict[str, Any]]:
    runs = {
        name: listener.post(name, *arguments, **changed)
        for name, (arguments, changed, _, _) in EXPECTED.items()
    }
    return {name: listener.result(run_id) for name, run_id in runs.items()}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_run_that_ends_badly_tells_why(results: dict[str, dict[str, Any]], name: str):
    _, _, exit_code, expected = EXPECTED[name]
    assert told(results[name]) == expected
    assert results[name]["exit_code"] in {exit_code, None if name == "deadline" else exit_code}


def test_the_log_of_a_bad_end_is_there(results: dict[str, dict[str, Any]]):
    assert "NoSuch" in results["exit-code"]["log"]
    assert "Read-only file system" in results["read-only-path"]["log"]
    assert "staying" in results["deadline"]["log"]


def test_a_run_that_succeeded_before_anybody_looked_is_completed(listener: Listener):
    station = listener.station
    assert isinstance(station, SideStation)
    run_id = listener.post("unseen")
    wait_for(lambda: station.job_of(run_id), "its Job is there")
    station.stop_node()

    def succeeded() -> bool:
        return [pod["status"]["phase"] for pod in station.pods_of(run_id)] == ["Succeeded"]

    wait_for(succeeded, "its pod has succeeded")
    station.start_node()
    result = listener.result(run_id)
    assert told(result) == ("completed", None, None, None)
    assert result["exit_code"] == 0
    assert "average of Age" in result["log"]


def test_a_killed_run_that_does_not_listen_ends_at_its_first_signal(listener: Listener):
    run_id = listener.post("killed", image="localhost:5001/v6_test_sleep")
    listener.active(run_id)
    assert listener.kill(run_id) == ["killed"]
    result = listener.result(run_id)
    assert (result["status"], result["cause"]) == ("killed by user", "KilledByUser")
    assert result["exit_code"] == 128 + signal.SIGTERM


def left_behind() -> list[Path]:
    """Return the processes that the algorithm left; processes of another machine cannot be seen."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if LEFT.encode() in path.read_bytes().split(b"\0"):
                found.append(path)
    return found


def test_what_an_algorithm_leaves_running_ends_with_it(listener: Listener):
    run_id = listener.post(
        "leaves", image="localhost:5001/v6_test_leave", tmp_vol_name="seen-by-the-test"
    )
    listener.active(run_id)
    if not listener.station.cluster.settings.get("CONTEXT"):
        wait_for(left_behind, "the process that the algorithm leaves is there", 20)
    (listener.station.tasks / "tmp" / "seen-by-the-test" / "seen").touch()
    assert told(listener.result(run_id)) == ("completed", None, None, None)
    wait_for(lambda: not left_behind(), "nothing of it runs any more")
