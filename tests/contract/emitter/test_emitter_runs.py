"""The emitter's commands `list` and `status`, and a node that does not answer."""

import json
import subprocess
import sys
import time

import pytest
from emitter_process import QUEUED, SUMMARY, OnTerminal, emitter
from live_dummy_server import ENV, FOLDER


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
