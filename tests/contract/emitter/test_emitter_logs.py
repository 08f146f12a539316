"""The emitter's command `logs`."""

import signal
import subprocess
import sys
import threading

from emitter_process import FakeRuns, OnTerminal, emitter
from live_dummy_server import ENV, FOLDER, eventually


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
