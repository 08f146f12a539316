"""The emitter's commands as processes, against the real server and a fake node."""

import base64
import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# the scripts stand alone, so they and their tests' helpers are found by path
for folder in (ROOT / "dummy_socketio_server", ROOT / "tests/unit/dummy_socketio_server"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from live_dummy_server import ENV, FOLDER, Scene, eventually  # noqa: E402

SUMMARY = {
    "run_id": 7,
    "status": "crashed",
    "image": "localhost:5001/v6_average_algorithm",
    "position": None,
    "received": "2026-01-01T10:00:00.000000+00:00",
    "job_created": "2026-01-01T10:00:01.000000+00:00",
    "started": "2026-01-01T10:00:02.000000+00:00",
    "ended": "2026-01-01T10:00:03.000000+00:00",
    "cause": "OOMKilled",
    "detail": "too much [red]memory\x1b[2J",
    "advice": "Use less.",
    "delivered": False,
}
QUEUED = {**SUMMARY, "run_id": 8, "status": "pending", "position": 1, "started": None}
QUEUED |= {"ended": None, "cause": None, "detail": None, "advice": None}
MEGABYTE = os.urandom(1_000_000)
FILES = {"avg.txt": b"42\n", "deep/er/big.bin": MEGABYTE, "empty": b"", "a b\n\x1b.txt": b"x"}


class FakeRuns:
    """Answer like a node with the ended run 7, which has a log and output files."""

    log = "first\nsecond \x1b[31mred\nlast without end"
    log_truncated = True
    piece = 8
    files = FILES

    def __init__(self):
        self.listed = [{"path": path, "size": len(data)} for path, data in FILES.items()]
        self.answers = {
            "list": lambda payload: {"runs": [QUEUED, SUMMARY]},
            "status": self.known(lambda payload: {"run": SUMMARY}),
            "log": self.known(self.give_log),
            "result": self.known(self.give_result),
            "output": self.known(self.give_output),
            "kill": self.give_outcomes,
        }

    def known(self, answer):
        def check(payload):
            run_id = payload["run_id"]
            return answer(payload) if run_id == 7 else {"error": f"no such run: {run_id}"}

        return check

    def give_log(self, payload):
        end = payload["offset"] + self.piece
        text = self.log.encode()[payload["offset"] : end]
        return {
            "text": text.decode(),
            "next_offset": payload["offset"] + len(text),
            "ended": True,
        }

    def give_result(self, _payload):
        result = {"run_id": 7, "status": "completed", "exit_code": 0, "log": "end of the log\n"}
        return {
            "result": {**result, "log_truncated": self.log_truncated, "output": self.listed},
        }

    def give_output(self, payload):
        data = self.files.get(payload["path"])
        if data is None:
            return {"error": "no such output file"}
        piece = data[payload["offset"] : payload["offset"] + 512 * 1024]
        return {
            "data": base64.b64encode(piece).decode(),
            "next_offset": payload["offset"] + len(piece),
            "size": len(data),
        }

    def give_outcomes(self, payload):
        known = {7: ("already ended", "crashed"), 8: ("killed", "killed by user")}
        wanted = [7, 8] if payload.get("all") else payload["run_ids"]
        told = [(run_id, *known.get(run_id, ("unknown", None))) for run_id in wanted]
        keys = ("run_id", "outcome", "status")
        return {"outcomes": [dict(zip(keys, one, strict=True)) for one in told]}


@pytest.fixture(scope="module")
def shared():
    """Return a server with a node that the tests only query."""
    with Scene() as running:
        running.runs = FakeRuns()
        running.fake = running.node(answers=running.runs.answers)
        yield running


@pytest.fixture
def scene():
    with Scene() as running:
        yield running


def emitter(scene, *args):
    command = [sys.executable, "command_emitter.py", *args, "--server", scene.server.url]
    return subprocess.run(
        command, cwd=FOLDER, env=ENV, capture_output=True, text=True, timeout=60, check=False
    )


class OnTerminal:
    """The emitter with a terminal for all of its streams."""

    def __init__(self, scene, *args):
        self.master, slave = pty.openpty()
        command = [sys.executable, "command_emitter.py", *args, "--server", scene.server.url]
        streams = {"stdin": slave, "stdout": slave, "stderr": slave}
        self.process = subprocess.Popen(command, cwd=FOLDER, env=ENV | {"TERM": "xterm"}, **streams)
        os.close(slave)
        self.text = ""

    def read_until(self, words, seconds=30):
        end = time.monotonic() + seconds
        while words not in self.text and time.monotonic() < end:
            if not self._read(0.1):
                break
        assert words in self.text, self.text

    def _read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            try:
                self.text += os.read(self.master, 65536).decode()
            except OSError:  # the other side is closed
                return False
        return True

    def say(self, text):
        os.write(self.master, text.encode())

    def end(self):
        while self._read(5):
            pass
        os.close(self.master)
        return self.process.wait(20)


# -- list and status


def test_list_prints_a_line_per_run_through_a_pipe(shared):
    done = emitter(shared, "list")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr, len(lines)) == (0, "", 3)
    assert lines[0].split() == ["RUN", "STATUS", "POS", "AGE", "STARTED", "ENDED", "IMAGE", "WHY"]
    assert lines[1].split()[:3] == ["8", "pending", "1"]
    assert "OOMKilled: too much [red]memory\\x1b[2J" in lines[2]
    assert "\x1b" not in done.stdout


def test_list_as_json(shared):
    done = emitter(shared, "list", "--json")
    assert json.loads(done.stdout) == {"runs": [QUEUED, SUMMARY]}


def test_list_on_a_terminal_escapes_what_could_steer_it(shared):
    terminal = OnTerminal(shared, "list")
    assert terminal.end() == 0
    assert "crashed" in terminal.text
    assert "\\x1" in terminal.text  # the terminal may wrap the line there
    assert "\x1b[2J" not in terminal.text


def test_an_empty_list(scene):
    scene.node(answers={"list": lambda payload: {"runs": []}})
    assert emitter(scene, "list").stdout == "the node has no runs\n"


def test_a_list_that_was_cut_says_so(scene):
    scene.node(answers={"list": lambda payload: {"runs": [SUMMARY], "more": 41}})
    assert "and 41 older runs" in emitter(scene, "list").stdout


def test_the_server_may_stand_in_front_of_the_command(shared):
    command = [sys.executable, "command_emitter.py", "--server", shared.server.url, "list"]
    done = subprocess.run(command, cwd=FOLDER, env=ENV, capture_output=True, check=False)
    assert done.returncode == 0


def test_status(shared):
    done = emitter(shared, "status", "7")
    assert done.returncode == 0
    for words in ("run 7: crashed", "cause: OOMKilled", "advice: Use less.", "still has to"):
        assert words in done.stdout
    assert json.loads(emitter(shared, "status", "7", "--json").stdout) == SUMMARY


@pytest.mark.parametrize("args", [["status"], ["logs"], ["logs", "-f"], ["result", "-o", "no_dir"]])
def test_no_such_run(shared, args):
    begin = time.monotonic()
    done = emitter(shared, *args, "99")
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr == "error: no such run: 99\n"
    assert time.monotonic() - begin < 30
    assert not (FOLDER / "no_dir").exists()


def test_without_a_node(scene):
    done = emitter(scene, "list")
    assert (done.returncode, "no node is connected" in done.stderr) == (6, True)


def test_a_node_that_answers_nonsense(scene):
    scene.node(answers={"list": lambda payload: {"runs": 5}, "kill": lambda payload: {}})
    for args in (["list"], ["kill", "7"]):
        done = emitter(scene, *args)
        assert (done.returncode, "not understood" in done.stderr) == (6, True)
        assert "Traceback" not in done.stderr


def test_a_silent_node_and_a_time_limit(scene):
    scene.node(answers={"list": lambda payload: None})
    done = emitter(scene, "list", "--timeout", "0.5")
    assert (done.returncode, done.stderr.count("\n")) == (5, 1)


# -- logs


def test_logs_are_raw_through_a_pipe(shared):
    done = emitter(shared, "logs", "7")
    assert (done.returncode, done.stdout, done.stderr) == (0, FakeRuns.log, "")


def test_logs_are_harmless_on_a_terminal(shared):
    terminal = OnTerminal(shared, "logs", "7")
    assert terminal.end() == 0
    assert terminal.text.replace("\r\n", "\n") == FakeRuns.log.replace("\x1b", "\\x1b") + "\n"


def test_logs_are_followed_until_the_run_ends_over_a_restart_of_the_node(scene):
    log, ended = ["one\n"], []

    def give(payload):
        text = "".join(log)[payload["offset"] :]
        return {"text": text, "next_offset": payload["offset"] + len(text), "ended": bool(ended)}

    def asked(node):
        return [payload["offset"] for _, payload in node.asked]

    def answered(log_of_server):
        return log_of_server.count("log_request run 7")

    def live():
        eventually(lambda: len("one\n") in asked(node), 40)
        eventually(lambda: answered(scene.server.log) == len(node.asked))
        log.append("two\n")
        node.leave()
        eventually(lambda: answered(scene.server.log.partition("(the active node)")[2]), 40)
        second = scene.node(answers={"log": give})
        log.append("three\n")
        eventually(lambda: len("one\ntwo\nthree\n") in asked(second), 40)
        ended.append(True)

    node = scene.node(answers={"log": give})
    thread = threading.Thread(target=live)
    thread.start()
    done = emitter(scene, "logs", "7", "-f")
    thread.join()
    assert (done.returncode, done.stdout) == (0, "one\ntwo\nthree\n")
    assert "no node is connected" in done.stderr
    assert done.stderr.count("\n") == 1


def test_logs_without_following_end_while_the_run_goes_on(scene):
    def endless(payload):
        return {"text": "x", "next_offset": payload["offset"] + 1, "ended": False}

    scene.node(answers={"log": endless})
    done = emitter(scene, "logs", "7")
    assert (done.returncode, set(done.stdout)) == (0, {"x"})


def test_ctrl_c_ends_following(scene):
    scene.node(answers={"log": lambda payload: {"text": "", "next_offset": 0, "ended": False}})
    command = [sys.executable, "command_emitter.py", "logs", "7", "-f"]
    command += ["--server", scene.server.url]
    with subprocess.Popen(command, cwd=FOLDER, env=ENV, stderr=subprocess.PIPE, text=True) as child:
        try:
            eventually(lambda: "log_request run 7" in scene.server.log)
            child.send_signal(signal.SIGINT)
            assert child.wait(timeout=20) == 130
            assert child.stderr.read() == "error: stopped\n"
        finally:
            child.kill()


def test_a_reader_that_goes_away(scene):
    def endless(payload):
        return {"text": "x" * 9999, "next_offset": payload["offset"] + 9999, "ended": False}

    scene.node(answers={"log": endless})
    line = f"{sys.executable} command_emitter.py logs 7 --server {scene.server.url}"
    script = f"{line} | head -c 5; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=FOLDER, env=ENV, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (141, "xxxxx", "")


# -- kill


def test_kill_prints_a_line_per_run(shared):
    done = emitter(shared, "kill", "7", "8", "8")
    assert done.returncode == 0
    assert done.stdout == "run 7: already ended (crashed)\nrun 8: killed (killed by user)\n"
    done = emitter(shared, "kill", "8", "99")
    assert (done.returncode, done.stdout.splitlines()[1]) == (1, "run 99: unknown")
    assert ("kill", {"run_ids": [7, 8]}) in shared.fake.asked


def test_kill_all_where_nobody_can_be_asked(shared):
    done = emitter(shared, "kill", "--all")
    assert (done.returncode, done.stdout.count("\n")) == (0, 2)
    assert shared.fake.asked[-1] == ("kill", {"all": True})


@pytest.mark.parametrize(("said", "code"), [("n\n", 130), ("\n", 130), ("\x04", 130), ("y\n", 0)])
def test_kill_all_asks_on_a_terminal(shared, said, code):
    before = len(shared.fake.asked)
    terminal = OnTerminal(shared, "kill", "--all")
    terminal.read_until("[y/N]")
    terminal.say(said)
    assert terminal.end() == code
    assert ("run 8: killed" in terminal.text) == (code == 0)
    assert (len(shared.fake.asked) > before) == (code == 0)


def test_kill_all_does_not_ask_with_yes(shared):
    terminal = OnTerminal(shared, "kill", "--all", "--yes")
    assert terminal.end() == 0
    assert "[y/N]" not in terminal.text


@pytest.mark.parametrize("args", [["kill"], ["kill", "7", "--all"]])
def test_kill_needs_runs_or_all(shared, args):
    assert emitter(shared, *args).returncode == 2


def test_kill_of_what_only_the_server_has(scene):
    scene.client().post({"run_id": 7})
    done = emitter(scene, "kill", "7", "9")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "run 7: killed (killed by user)"
    assert "run 9: unknown, the server keeps no such command" in done.stdout


# -- result


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
