"""The emitter's command `kill`."""

import pytest
from emitter_process import OnTerminal, emitter


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
