"""Sending a result of 50 MB to a server takes less than four times its size of memory."""

import base64
import json
import threading
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from node_poc.crypto.keys import make_private_key
from node_poc.crypto.payload import PlainCryptor, RsaCryptor
from node_poc.protocol.vantage6.blobs import Blobs
from node_poc.protocol.vantage6.identity import NodeIdentity
from node_poc.protocol.vantage6.large_payloads import LargePayloadLock
from node_poc.protocol.vantage6.outgoing.logs import RunLogs
from node_poc.protocol.vantage6.outgoing.patches import Patches
from node_poc.protocol.vantage6.outgoing.reports import Reports
from node_poc.protocol.vantage6.outgoing.results import ResultSender
from node_poc.protocol.vantage6.outgoing.send_queue import SendQueue
from node_poc.protocol.vantage6.rest.session import RestSession
from node_poc.protocol.vantage6.same_run import SameRuns
from node_poc.protocol.vantage6.server_access import ServerAccess
from node_poc.runs.model import RunResult
from node_poc.runs.status import RunStatus

SIZE = 50_000_000


class Handler(BaseHTTPRequestHandler):
    """Read a body in pieces and discard the pieces; keep the length, first piece and last piece."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        middle = base64.urlsafe_b64encode(b'{"sub": 1, "iat": 0, "exp": 9999}').decode().rstrip("=")
        told = {"access_token": f"a.{middle}.c", "refresh_token": "r", "refresh_url": "/r"}
        self.answer(told)

    def do_GET(self):
        self.answer({"public_key": self.server.public_key})

    def do_PATCH(self):
        left = self.server.length = int(self.headers["Content-Length"])
        pieces = []
        while left:
            piece = self.rfile.read(min(left, 65536))
            left -= len(piece)
            pieces = [*pieces[:1], piece]
        self.server.begin, self.server.end = pieces[0], pieces[-1]
        self.answer({})

    def answer(self, data):
        raw = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


class Control:
    """The engine's control with a single run, which left a large result."""

    def result_file_size(self, _run_id):
        return SIZE

    def read_result_file(self, _run_id, _limit):
        return bytes(SIZE)

    def origin(self, _run_id):
        return {"task_id": "2", "parent_id": "", "init_org_id": "3"}


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_large_result_in_little_memory(encrypted):
    cryptor = RsaCryptor(make_private_key()) if encrypted else PlainCryptor()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.public_key = cryptor.public_key if encrypted else None
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    rest = RestSession(f"http://127.0.0.1:{server.server_port}", "/api", "key")
    control = Control()
    who = NodeIdentity(1, "n", 2, "o", 3, encrypted)
    blobs, lock = Blobs(rest, cryptor), LargePayloadLock()
    access = ServerAccess(rest, lambda *_: True, who, cryptor, blobs, lock)
    queue, logs = SendQueue(), RunLogs(control, lambda _: True, share=True)
    same_runs, patches = SameRuns(rest, control), Patches(access)
    sender = ResultSender(access, control, logs, same_runs, patches)
    reports = Reports(queue, control, logs, same_runs, patches, sender)
    result = RunResult(9, RunStatus.COMPLETED, 0, "log", False, (), False, None, 0.0, 0.0, 0.0, 1.0)
    done = threading.Event()
    rest.login()
    tracemalloc.start()
    try:
        reports.report_result(result, done.set)
        queue.start()
        assert done.wait(50)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        queue.stop()
        server.shutdown()
        server.server_close()
    assert server.length > SIZE * 4 / 3
    assert server.begin.startswith(b'{"status": "completed", "log": "log", "started_at": "')
    assert server.end.endswith(b'"}')
    assert peak < 4 * SIZE
    print(f"{peak / SIZE:.2f} times its size")
