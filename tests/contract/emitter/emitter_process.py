"""The emitter as a process, against the real server and a fake node."""

import base64
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# The scripts stand alone; therefore they and the helpers of their tests are found by path.
for folder in (ROOT / "dummy_socketio_server", ROOT / "tests/unit/dummy_socketio_server"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from live_dummy_server import ENV, FOLDER  # noqa: E402

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
