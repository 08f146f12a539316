"""The part of the node that takes runs from a vantage6 server: a fake server on a real socket, no
engine.
"""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

from node_poc.config.load import parse_config
from node_poc.crypto.payload import Cryptor, PlainCryptor
from node_poc.protocol.vantage6.blobs import Blobs
from node_poc.protocol.vantage6.identity import NodeIdentity
from node_poc.protocol.vantage6.large_payloads import LargePayloadLock
from node_poc.protocol.vantage6.outgoing.logs import RunLogs
from node_poc.protocol.vantage6.outgoing.send_queue import SendQueue
from node_poc.protocol.vantage6.rest.session import RestSession
from node_poc.protocol.vantage6.server import make_run_parts
from node_poc.protocol.vantage6.server_access import ServerAccess
from node_poc.runs.model import Run, RunResult, RunSpec
from node_poc.runs.ports import Answer, KillOutcome, LogPart, NoSuchRunError, RunSummary
from node_poc.runs.status import RunStatus
from tests.fakes.vantage6_http import opened

KEY = "11111111-2222-4333-8444-555555555555"
CREATED_AT = "2026-01-01T00:00:00.123456"
CONFIG = """
api_key: {key}
server_url: {address}
port: {port}
task_dir: /tasks
databases: []
encryption: {{enabled: false, private_key: ""}}
kubernetes: {{node_name: n}}
"""


def listed(run_id: int, **task: Any) -> dict[str, Any]:
    """Return a run as the server lists runs; its task has the number 100 + ``run_id``."""
    return {
        "id": run_id,
        "started_at": None,
        "input": "e30=",
        "organization": {"id": 2},
        "task": {
            "id": 100 + run_id,
            "job_id": 1,
            "image": "host/a:1",
            "created_at": CREATED_AT,
            "collaboration": {"id": 3},
            "init_org": {"id": 9},
            "init_user": {"id": 8},
            "databases": [],
        }
        | task,
    }


def origin(run_id: int, **changes: str) -> dict[str, str]:
    """Return the node's note of the origin of a run from ``listed``."""
    noted = {"task_id": str(100 + run_id), "parent_id": "", "init_org_id": "9"}
    return noted | {"server": "http://old.example", "created_at": CREATED_AT} | changes


def result(run_id: int, status: RunStatus = RunStatus.COMPLETED) -> RunResult:
    return RunResult(run_id, status, 0, "log", False, (), False, None, 0.0, 0.0, 0.0, 1.0)


class Engine:
    """A fake engine: takes and records runs, and gives the run states that the test sets."""

    def __init__(self) -> None:
        self.taken: dict[int, RunSpec] = {}
        self.open: set[int] = set()
        self.results: dict[int, RunResult] = {}
        self.origins: dict[int, dict[str, str]] = {}
        self.answers: dict[int, Any] = {}
        self.owners: dict[int, str] = {}
        self.refusals: list[dict[str, Any]] = []
        self.killed: list[int] = []
        self.retired: list[int] = []

    def note_refusal(self, run_id: int, answer: Answer, **facts: Any) -> None:
        self.refusals.append({"run_id": run_id, "answer": answer, **facts})

    def knows(self, run_id: int) -> bool:
        return run_id in self.origins or run_id in self.results or run_id in self.open

    def retire(self, run_id: int) -> bool:
        if run_id in self.open:
            return False
        self.retired.append(run_id)
        self.results.pop(run_id, None)
        self.origins.pop(run_id, None)
        return True

    def open_runs(self) -> list[RunSummary]:
        return [RunSummary(Run(run_id, "", 0.0), "", None) for run_id in sorted(self.open)]

    def run(self, spec: RunSpec, owner: str = "") -> Answer:
        self.owners[spec.run_id] = owner
        answer = self.answers.get(spec.run_id, Answer(accepted=True))
        if callable(answer):
            answer = answer()
        if answer.accepted:
            self.taken[spec.run_id] = spec
            self.open.add(spec.run_id)
            self.origins[spec.run_id] = dict(spec.origin)
        return answer

    def kill(self, run_ids: tuple[int, ...]) -> list[KillOutcome]:
        self.killed += run_ids
        return []

    def read_result(self, run_id: int) -> RunResult | None:
        if run_id in self.results or run_id in self.open:
            return self.results.get(run_id)
        raise NoSuchRunError(run_id)

    def origin(self, run_id: int) -> dict[str, str]:
        if run_id not in self.origins:
            raise NoSuchRunError(run_id)
        return self.origins[run_id]

    def read_log(self, _run_id: int, offset: int) -> LogPart:
        return LogPart(b"", offset, ended=False, grows=True)

    def result_file_size(self, _run_id: int) -> int:
        return 2

    def read_result_file(self, _run_id: int, _limit: int) -> bytes:
        return b"42"


class TakingWorld:
    """A server with open runs, and a node that reads the runs after ``start``."""

    def __init__(self, *, policies: dict[str, Any] | None = None, cryptor: Cryptor | None = None):
        self.server = opened()
        self.runs: dict[int, dict[str, Any]] = {}
        self.patched: list[tuple[int, dict[str, Any]]] = []
        self.emitted: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.trouble: dict[str, Any] = {}  # path → (status, body), or a function of the body
        self.engine = Engine()
        self.server.answers = self
        rest = RestSession(self.server.address, "/api", KEY)
        who = NodeIdentity(5, "n", 2, "o", 3, encrypted=cryptor is not None)
        cryptor = cryptor or PlainCryptor()
        blobs, lock = Blobs(rest, cryptor), LargePayloadLock()
        access = self.access = ServerAccess(rest, self._emit, who, cryptor, blobs, lock)
        text = CONFIG.format(key=KEY, address="http://127.0.0.1", port=self.server.server_port)
        config = parse_config(text + f"policies: {json.dumps(policies or {})}\n", {})
        self.send_queue = SendQueue()
        logs = self.logs = RunLogs(self.engine, lambda _: True, share=True)
        queue, refused = self.send_queue, self.refused.append
        parts = make_run_parts(access, config, self.engine, queue, logs, refused)
        self.reports, self.sync = parts.reports, parts.sync
        self.lock = threading.Lock()
        self.send_queue.start()

    def start(self) -> None:
        self.sync.start()

    def close(self) -> None:
        self.sync.stop()
        self.send_queue.stop()
        self.server.shutdown()
        self.server.server_close()

    def add(self, run_id: int, **task: Any) -> None:
        self.runs[run_id] = listed(run_id, **task)

    def ends(self, run_id: int) -> list[dict[str, Any]]:
        """Return the PATCHes that ended a run."""
        return [body for one, body in self.patched if one == run_id and "finished_at" in body]

    def asked(self, path: str) -> int:
        """Return how often a path was requested."""
        return len([each for each in self.server.asked if each[1].startswith(f"/api/{path}")])

    def _emit(self, _event: str, data: Any) -> bool:
        self.emitted.append(data)
        return True

    # --- as the ``answers`` of the server

    def get(self, path: str) -> Any:
        return lambda method, whole, _headers, body: self._answer(method, path, whole, body)

    def _answer(self, method: str, path: str, whole: str, body: bytes) -> Any:
        name = path.removeprefix("/api/")
        known = self.trouble.get(f"{method} {name}")
        known = known(body) if callable(known) else known
        if known is not None:
            return known
        if name == "run":
            return 200, {"data": self._open(whole), "links": {}}
        if name.startswith("run/"):
            return self._one(method, int(name.partition("/")[2]), body)
        if name == "token/container":
            return 200, {"container_token": "t"}
        if name.startswith("task/"):
            return self._task(int(name.partition("/")[2]))
        return None

    def _open(self, whole: str) -> list[dict[str, Any]]:
        wanted = parse_qs(urlsplit(whole).query).get("task_id")
        with self.lock:
            runs = [run for run in self.runs.values() if run.get("finished_at") is None]
        found = [run for run in runs if not wanted or str(run["task"]["id"]) in wanted]
        return sorted(found, key=lambda run: -run["id"])

    def _one(self, method: str, run_id: int, body: bytes) -> Any:
        if run_id not in self.runs:
            return 404, {"msg": "not found"}
        run = self.runs[run_id]
        if method == "PATCH":
            told = json.loads(body)
            if run.get("finished_at"):
                return 400, {"msg": "Cannot update an already finished algorithm run!"}
            with self.lock:
                run.update(told)
            self.patched.append((run_id, told))
        return 200, run

    def _task(self, task_id: int) -> Any:
        for run in self.runs.values():
            if run["task"]["id"] == task_id:
                return 200, run["task"]
        return 404, {"msg": "not found"}
