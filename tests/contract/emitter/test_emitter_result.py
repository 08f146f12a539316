"""The emitter's command `result`, which writes logs and output files."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from emitter_process import FILES, FakeRuns, OnTerminal, emitter
from live_dummy_server import ENV, FOLDER


def test_result_brings_everything(shared, tmp_path):
    target = tmp_path / "new" / "folder"
    done = emitter(shared, "result", "7", "-o", str(target))
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert "'a b\\n\\x1b.txt' is written as 'a b%0a%1b.txt'" in done.stderr
    assert "4 output files (1,000,004 bytes)" in done.stdout.splitlines()[0]
    assert json.loads((target / "result.json").read_text())["status"] == "completed"
    assert (target / "log.txt").read_text() == FakeRuns.log
    found = {
        str(path.relative_to(target / "output")): path.read_bytes()
        for path in (target / "output").rglob("*")
        if path.is_file()
    }
    assert found == {path.replace("\n\x1b", "%0a%1b"): data for path, data in FILES.items()}
    assert "\x1b" not in done.stdout
    assert "big.bin  1,000,000 bytes" in done.stdout


def test_result_overwrites_only_when_forced(shared, tmp_path):
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "avg.txt").write_text("mine")
    done = emitter(shared, "result", "7", "-o", str(tmp_path))
    assert (done.returncode, "--force" in done.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["output"]
    assert (tmp_path / "output" / "avg.txt").read_text() == "mine"
    assert emitter(shared, "result", "7", "-o", str(tmp_path), "--force").returncode == 0
    assert (tmp_path / "output" / "avg.txt").read_bytes() == b"42\n"


def test_a_hostile_listing_writes_nothing_outside(scene, tmp_path):
    runs = FakeRuns()
    paths = ["../evil", "/tmp/evil", "a/../../evil", "link/evil", "..", "", ".", "a//b", "x\0y"]
    paths += ["ok/file", "ok", "n" * 300, "\udcff\ud800", None, 5, ["a"], "/", "output/../../evil"]
    runs.listed = [{"path": path, "size": 1} for path in paths] + ["nonsense", None]
    runs.give_output = lambda payload: {"data": "eA==", "next_offset": 1, "size": 1}
    answers = runs.answers | {"output": runs.give_output}
    scene.node(answers=answers)
    outside = tmp_path / "outside"
    outside.mkdir()
    target = tmp_path / "target"
    (target / "output").mkdir(parents=True)
    (target / "output" / "link").symlink_to(outside)
    done = emitter(scene, "result", "7", "-o", str(target), "--force")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    names = {str(path.relative_to(target)) for path in written}
    assert names == {"result.json", "log.txt", "output/ok/file", "output/nonsense"}
    assert list(outside.iterdir()) == []
    assert not Path("/tmp/evil").exists()


def test_a_file_that_the_node_cannot_give_is_told_and_the_others_come(scene, tmp_path):
    runs = FakeRuns()
    runs.files = {"empty": b"", "avg.txt": b"42\n"}
    scene.node(answers=runs.answers)
    done = emitter(scene, "result", "7", "-o", str(tmp_path))
    assert (done.returncode, "no such output file" in done.stderr) == (1, True)
    assert (tmp_path / "output" / "avg.txt").exists()
    assert (tmp_path / "output" / "empty").exists()
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.rglob("big.bin"))


def test_the_log_in_the_result_stands_in_for_a_lost_one(scene, tmp_path):
    runs = FakeRuns()
    scene.node(answers=runs.answers | {"log": lambda payload: {"error": "the log is gone"}})
    done = emitter(scene, "result", "7", "-o", str(tmp_path))
    assert (done.returncode, "the log is gone" in done.stderr) == (0, True)
    assert (tmp_path / "log.txt").read_text() == "end of the log\n"


def test_a_folder_that_cannot_be_written(shared, tmp_path):
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file", tmp_path / "file" / "below", "/proc/nothing"):
        done = emitter(shared, "result", "7", "-o", str(target))
        assert (done.returncode, done.stderr.count("error: ")) == (2, 1), done.stderr
        assert "Traceback" not in done.stderr


def test_what_takes_long_shows_progress_on_a_terminal(scene, tmp_path):
    runs = FakeRuns()
    runs.files = {"big": b"x" * 5_000_000}
    runs.listed = [{"path": "big", "size": 5_000_000}]

    def slow(payload):
        time.sleep(0.4)
        return runs.give_output(payload)

    scene.node(answers=runs.answers | {"output": slow})
    terminal = OnTerminal(scene, "result", "7", "-o", str(tmp_path))
    terminal.read_until("MB")
    assert terminal.end() == 0
    assert (tmp_path / "output" / "big").stat().st_size == 5_000_000


def test_sparse_files_are_left_out_and_told_before_anything_is_fetched(scene, tmp_path):
    runs = FakeRuns()
    runs.listed = [{"path": f"sparse{number}", "size": 10**10} for number in range(100)]
    runs.listed += [{"path": "grown", "size": 1}, {"path": "avg.txt", "size": 3}]

    def give(payload):
        assert not payload["path"].startswith("sparse")
        if payload["path"] == "grown":
            return {"data": "eA==", "next_offset": 1, "size": 10**10}
        return runs.give_output(payload)

    node = scene.node(answers=runs.answers | {"output": give})
    done = emitter(scene, "result", "7", "-o", str(tmp_path), "--max-size", "1M")
    assert done.returncode == 1
    assert "2 output files (4 bytes)" in done.stdout.splitlines()[0]
    assert "90 more output files are left out" in done.stderr
    assert "'grown' is larger than --max-file-size" in done.stderr
    assert [path.name for path in (tmp_path / "output").iterdir()] == ["avg.txt"]
    assert sum(event == "output" for event, _ in node.asked) == 2


def test_a_log_beyond_the_limit_is_cut_and_told(scene, tmp_path):
    runs = FakeRuns()
    scene.node(answers=runs.answers)
    done = emitter(scene, "result", "7", "-o", str(tmp_path), "--max-file-size", "12")
    assert (done.returncode, "log.txt ends after 12 bytes" in done.stderr) == (1, True)
    assert (tmp_path / "log.txt").read_text() == FakeRuns.log[:12]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_leaves_no_half_file(scene, tmp_path, number, code):
    runs = FakeRuns()
    asked = threading.Event()

    def slow(payload):
        asked.set()
        time.sleep(0.05)
        return {"data": "eA==", "next_offset": payload["offset"] + 1, "size": 10_000}

    scene.node(answers=runs.answers | {"output": slow})
    # Tests that run under nohup ignore SIGHUP, and so would the script, on purpose.
    heard = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    heard += "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    command = [sys.executable, "-c", heard, "command_emitter.py", "result", "7"]
    command += ["-o", str(tmp_path), "--server", scene.server.url]
    with subprocess.Popen(command, cwd=FOLDER, env=ENV, stderr=subprocess.PIPE) as child:
        try:
            assert asked.wait(30)
            child.send_signal(number)
            child.send_signal(number)
            assert child.wait(timeout=20) == code
        finally:
            child.kill()
    assert {path.name for path in tmp_path.rglob("*")} == {"result.json", "log.txt", "output"}
