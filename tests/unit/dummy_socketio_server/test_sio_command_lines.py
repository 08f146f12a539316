"""Both scripts as processes: exit codes and printed text."""

import json
import signal
import subprocess
import sys
import threading

import pytest
from live_dummy_server import ENV, FOLDER, Scene, refuse


@pytest.fixture
def scene():
    with Scene() as running:
        yield running


def emitter(scene, *args):
    command = [sys.executable, "command_emitter.py", "--server", scene.server.url, *args]
    return subprocess.run(
        command, cwd=FOLDER, env=ENV, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_emitter_command_line(scene):
    results = {1: "completed", 2: "crashed"}

    def run(payload):
        status = results.get(payload["run_id"], "completed")
        timer = threading.Timer(
            0.2, node.report, ["run_result"], {"run_id": payload["run_id"], "status": status}
        )
        timer.start()
        return {"accepted": True, "status": "pending"}

    kept = emitter(scene)
    assert (kept.returncode, "kept" in kept.stdout) == (0, True)
    assert emitter(scene, "--wait", "--timeout", "0.3").returncode == 5
    node = scene.node()
    node.answer = run
    done = emitter(scene, "--wait", "--run-id", "1", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, [line["event"] for line in lines]) == (0, ["ack", "result"])
    crashed = emitter(scene, "--wait", "--run-id", "2")
    assert (crashed.returncode, "crashed" in crashed.stdout) == (1, True)
    node.answer = refuse
    refused = emitter(scene, "--run-id", "3")
    assert (refused.returncode, refused.stdout.count("bad image")) == (3, 1)


def test_addresses_that_cannot_be_listened_on(scene, tmp_path):
    def start(*args):
        command = [sys.executable, "simple_sio_server.py", *args]
        done = subprocess.run(
            command, cwd=FOLDER, env=ENV, capture_output=True, text=True, timeout=60, check=False
        )
        assert "Remedy" in done.stderr
        assert "Traceback" not in done.stderr
        return done.returncode

    assert start("--host", "127.0.0.1", "--port", str(scene.server.port)) == 4
    assert start("--host", "203.0.113.1") == 4
    assert start("--host", "nonsense") == 2
    assert start("--port", "70000") == 2
    assert start("--config", str(tmp_path / "none.yaml")) == 2


def test_ctrl_c_ends_a_waiting_emitter(scene):
    command = [sys.executable, "command_emitter.py", "--server", scene.server.url, "--wait"]
    with subprocess.Popen(
        command, cwd=FOLDER, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert "kept" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 130
            assert process.stderr.read().count("\n") == 1
        finally:
            process.kill()
