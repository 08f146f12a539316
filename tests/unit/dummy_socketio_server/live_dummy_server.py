"""For tests: the dummy server's process, with real Socket.IO clients as nodes and emitters."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import socketio

from devserver.ports import free_port

FOLDER = Path(__file__).resolve().parents[3] / "dummy_socketio_server"
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))

from emitter_client import EmitterClient  # noqa: E402 -- a stand-alone script's folder

ENV = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", "TERM": "dumb"}
# Without this option the library checks every byte of a message in Python.
QUICK = {"skip_utf8_validation": True}


def eventually(condition, seconds=30):
    """Wait until the condition holds; the last check decides."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


class Server:
    """The server's process; tests can kill and restart the process on the same port."""

    def __init__(self, answer_timeout=30):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.answer_timeout = answer_timeout
        self.log = ""
        self.start()

    def start(self):
        command = [sys.executable, "simple_sio_server.py", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--answer-timeout", str(self.answer_timeout)]
        self.process = subprocess.Popen(
            command,
            cwd=FOLDER,
            env=ENV,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self._read, args=(self.process.stdout,))
        self.reader.start()
        eventually(lambda: "listening" in self.log or self.process.poll() is not None, 90)
        assert self.process.poll() is None, self.log

    def _read(self, stream):
        with stream:
            for line in stream:
                self.log += line

    def stop(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        self.reader.join()
        return code


class FakeNode:
    """A node that answers commands with ``answer(payload)``; with None the node stays silent.

    ``answers`` maps the event of a question to a function of the payload.
    """

    def __init__(
        self,
        url,
        answer=lambda payload: {"accepted": True, "status": "pending"},
        answers=None,
        *,
        transport="websocket",
        name="fake",
    ):
        self.name = name
        self.commands = []
        self.asked = []
        self.sio = socketio.Client(
            reconnection_delay=0.1,
            reconnection_delay_max=0.2,
            handle_sigint=False,
            websocket_extra_options=QUICK,
        )
        self.sio.on("command", self._on_command)
        self.answer = answer
        for event, reply in (answers or {}).items():
            self.sio.on(event, partial(self._on_question, event, reply))
        self.sio.on("connect", self._register)
        self.registered = threading.Event()
        self.sio.connect(url, transports=[transport])
        assert self.registered.wait(30)

    def _register(self):
        def on_ack(ack):
            assert ack == {"accepted": True}
            self.registered.set()

        data = {"name": self.name, "version": "1"}
        self.sio.emit("node_connection_request", data, callback=on_ack)

    def _on_command(self, *payload):
        self.commands.append(payload[0] if payload else "no argument at all")
        answer = self.answer(payload[0])
        if answer is None:
            time.sleep(3600)
        return answer

    def _on_question(self, event, reply, payload):
        self.asked.append((event, payload))
        answer = reply(payload)
        if answer is None:
            time.sleep(3600)
        return answer

    def report(self, event, **data):
        return self.sio.call(event, data, timeout=20)

    def leave(self):
        if self.sio.connected:
            leave_soon(self.sio)
        else:
            self.sio.shutdown()


def leave_soon(sio):
    """Disconnect; with long polling, do not wait: the last answer comes when the server ends."""
    leaving = threading.Thread(target=sio.disconnect, daemon=True)
    leaving.start()
    if sio.transport() != "polling":
        leaving.join()


class Client(EmitterClient):
    """An emitter client that stores its events in ``seen``."""

    def __init__(self, url):
        self.seen = []
        super().__init__(url, on_event=self.seen.append)


class Scene:
    """A server with a test's nodes and emitters; all of them end with the scene."""

    def __init__(self, answer_timeout=30):
        self.answer_timeout = answer_timeout
        self.ends = ExitStack()

    def __enter__(self):
        self.server = Server(self.answer_timeout)
        self.ends.callback(self.server.stop)
        return self

    def __exit__(self, *_):
        self.ends.close()
        assert "Traceback" not in self.server.log

    def node(self, **options):
        node = FakeNode(self.server.url, **options)
        self.ends.callback(node.leave)
        return node

    def client(self):
        return self.ends.enter_context(Client(self.server.url))


def kinds(client, kind):
    return [event.data for event in client.seen if event.kind is kind]


def refuse(_payload):
    return {"accepted": False, "reason": "bad image"}
