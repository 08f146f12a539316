"""Files that an algorithm leaves on the disk hurt neither the node nor other runs."""

import json
import os
import urllib.request
from types import SimpleNamespace

import pytest

from node_poc.engine import disk_watch, janitor
from tests.fakes.station import TOKEN, eventually, payload
from tests.fakes.trees import nest


def leave(station, emitter, run_id, fill, **changes):
    """Run an algorithm that fills its output folder; return the result."""
    emitter.post(payload(run_id, **changes))
    station.job_arrives(run_id)
    station.api.kubelet.starts(run_id)
    fill(station.task_dir / f"{run_id}/output")
    station.api.kubelet.ends(run_id)
    return emitter.wait(run_id, 40)


def test_a_path_that_no_file_can_have_is_answered(station, emitter):
    leave(station, emitter, 7, lambda output: (output / "avg.txt").write_text("42"))
    for path in ("\0", "avg.txt\0", "a/\0"):
        answer = emitter.request("output_request", {"run_id": 7, "path": path, "offset": 0})
        assert answer["error"] == "this cannot be read at the data station; check the name"


def test_what_lies_too_deep_is_said_and_goes_in_its_time(station, monkeypatch):
    monkeypatch.setattr(janitor, "_ROUND_SECONDS", 0.1)
    limits = {"output_size": None, "output_files": None}
    station.settings = {"keep_folders_seconds": 0, "limits": limits}
    emitter = station.start()
    result = leave(station, emitter, 7, lambda output: nest(output, 1500, "n" * 200))
    assert (result["output"], result["output_truncated"]) == ([], True)
    leave(station, emitter, 8, lambda output: (output / "avg.txt").write_text("42"))
    eventually(lambda: not any((station.task_dir / name).exists() for name in "78"))
    eventually(lambda: not list((station.task_dir / ".node/trash").iterdir()))


@pytest.fixture
def watchful(monkeypatch):
    monkeypatch.setattr(disk_watch, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(disk_watch, "_ROOM_SECONDS", 0.05)


@pytest.mark.parametrize("where", ["7/output", "tmp/example-tmp-vol"])
def test_a_run_that_passes_its_limit_is_stopped_and_its_neighbour_goes_on(station, watchful, where):
    station.settings = {"limits": {"output_files": 20}}
    emitter = station.start()
    for run_id, volume in ((7, "example-tmp-vol"), (8, "another")):
        emitter.post(payload(run_id, tmp_vol_name=volume))
        station.job_arrives(run_id)
        station.api.kubelet.starts(run_id)
    eventually(lambda: "active" in station.statuses(7))
    for number in range(30):
        (station.task_dir / where / str(number)).touch()
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("crashed", "DiskLimitExceeded")
    assert "limit" in result["advice"]
    assert len({asked.path for asked in station.api.requests("DELETE", "/jobs/")}) == 1
    (station.task_dir / "8/output/avg.txt").write_text("42")
    station.api.kubelet.ends(8)
    assert emitter.wait(8, 40)["status"] == "completed"


def test_a_run_that_passes_its_limit_at_its_end_is_told_so(station, monkeypatch):
    monkeypatch.setattr(disk_watch.DiskWatch, "follow", lambda *_: None)
    station.settings = {"limits": {"output_size": "1Mi"}}
    emitter = station.start()
    result = leave(
        station, emitter, 7, lambda output: (output / "large").write_bytes(b"x" * 2 * 2**20)
    )
    assert (result["status"], result["cause"]) == ("crashed", "DiskLimitExceeded")
    assert result["exit_code"] == 0
    told = emitter.request("status_request", {"run_id": 7})["run"]
    assert (told["status"], told["cause"]) == ("crashed", "DiskLimitExceeded")


def test_a_run_that_was_being_stopped_when_the_node_died_ends_for_the_same_cause(station, watchful):
    station.settings = {"limits": {"output_files": 20}}
    station.server.start()
    process = station.start_node_process()
    emitter = station.connect()
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.starts(7)
    note = station.task_dir / "7/run.json"
    eventually(lambda: json.loads(note.read_text())["job_created_at"], "the node notes the Job")
    process.kill()
    for number in range(30):
        (station.task_dir / "7/output" / str(number)).touch()
    station.api.kubelet.deletes_job(7)
    station.start_node()
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("crashed", "DiskLimitExceeded")


def test_without_free_space_runs_wait_and_say_why_and_go_on_when_there_is(
    station, watchful, monkeypatch
):
    free = [10**12]
    real = os.statvfs

    def statvfs(path):
        found = real(path)
        return SimpleNamespace(f_bavail=free[0], f_frsize=1, f_files=0, f_favail=found.f_favail)

    monkeypatch.setattr(disk_watch.os, "statvfs", statvfs)
    emitter = station.start()
    free[0] = 0
    node = station._nodes[-1]
    eventually(lambda: node._disk.shortage)
    assert emitter.post(payload(7))["accepted"]
    told = eventually(lambda: emitter.request("list_request", {})["runs"])[0]
    assert (told["status"], told["cause"], told["position"]) == ("pending", "InsufficientDisk", 1)
    assert station.jobs_created(7) == 0
    url = f"http://127.0.0.1:{node._health.port}/readyz"
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert b"no run is started: task_dir has 0 MiB free" in answer.read()
    free[0] = 10**12
    station.job_arrives(7)
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"


def secrets_of(station, run_id):
    folder = station.task_dir / str(run_id)
    return [name for name in ("token", "docker_input") if (folder / name).exists()]


def test_token_and_input_go_with_the_end_and_the_result_can_be_sent_again(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.starts(7)
    assert secrets_of(station, 7) == ["token", "docker_input"]
    station.api.kubelet.ends(7)
    first = emitter.wait(7, 40)
    eventually(lambda: secrets_of(station, 7) == [])
    for path in (station.task_dir / "7").glob("*.json"):
        assert TOKEN not in path.read_text()
    assert emitter.post(payload(7))["accepted"]
    eventually(lambda: station.results_at_server(7) == 2)
    assert emitter.request("result_request", {"run_id": 7})["result"]["status"] == first["status"]


def test_what_a_crash_left_of_token_and_input_goes_at_the_next_start(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.ends(7)
    emitter.wait(7, 40)
    station.stop_node()
    for name in ("token", "docker_input"):
        (station.task_dir / "7" / name).write_text("left")
    station.start_node()
    eventually(lambda: secrets_of(station, 7) == [])
