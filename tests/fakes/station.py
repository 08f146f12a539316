"""A whole data station on one machine: fake cluster, dummy server, node and emitter.

Only the cluster is a fake. The server and, where a test kills it, the node are separate processes;
all parts talk over loopback sockets.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from devserver.ports import free_port
from node_poc.node import Node
from tests.fakes.kube_api import FakeKubeApi
from tests.fakes.kube_store import NotThere
from tests.fakes.processes import ROOT, Process
from tests.fakes.walls import no_self_test, put_up_walls

SERVER_FOLDER = ROOT / "dummy_socketio_server"
if str(SERVER_FOLDER) not in sys.path:  # its scripts import each other as in their folder
    sys.path.insert(0, str(SERVER_FOLDER))

from emitter_client import EmitterClient, Event, EventKind  # noqa: E402  see above

PATIENCE_SECONDS = 40.0  # reached when something is broken, or the machine very busy
# A program that starts needs seconds of a processor.
START_SECONDS = 90.0
PROXY_ADDRESS = "10.96.0.77"
TOKEN = "a-token-that-no-answer-may-show"


def eventually(condition: Callable[[], Any], what: str = "", seconds: float | None = None) -> Any:
    """Wait until ``condition`` returns a true value, and return it; fail after a long time."""
    until = time.monotonic() + (seconds or PATIENCE_SECONDS)
    while not (found := condition()):
        assert time.monotonic() < until, f"it never came: {what or condition}"
        time.sleep(0.01)
    return found


def payload(run_id: int, **changes: Any) -> dict[str, Any]:
    """Return a valid command, with some fields changed."""
    return {
        "run_id": run_id,
        "task_info": {"arg1": "/app/input/csv/default", "arg2": "Age", "arg3": "/app/output/avg"},
        "image": "localhost:5001/v6_average_algorithm",
        "docker_input": "input1",
        "tmp_vol_name": "example-tmp-vol",
        "token": TOKEN,
        "databases_to_use": ["default"],
    } | changes


class DummyServerProcess:
    """The dummy server, which can go away and come back at the same address."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self._log_file = folder / "server.log"
        self._host = host
        self.port = free_port()
        self._process: Process | None = None

    @property
    def host_url(self) -> str:
        """Return the URL without the port."""
        return f"http://[{self._host}]" if ":" in self._host else f"http://{self._host}"

    @property
    def url(self) -> str:
        return f"{self.host_url}:{self.port}"

    @property
    def log(self) -> str:
        """Return the output of the server's current process."""
        assert self._process is not None
        return self._process.log

    @property
    def registrations(self) -> int:
        """How many nodes have registered; 0 before the start."""
        return 0 if self._process is None else self._process.log.count(" registered: name")

    def start(self) -> None:
        script = str(SERVER_FOLDER / "simple_sio_server.py")
        process = self._process = Process(
            [script, "--host", self._host, "--port", str(self.port)], self._log_file
        )
        eventually(
            lambda: not process.is_alive or "listening on" in process.log,
            "the dummy server listens",
            START_SECONDS,
        )
        assert process.is_alive, process.log

    def freeze(self) -> None:
        """Stop the server's process, with its connections open; ``kill`` still ends it."""
        assert self._process is not None
        self._process.send(signal.SIGSTOP)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()


class Station:
    """The parts of a data station, started one by one or all together by ``start``."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.folder = folder
        self.task_dir = folder / "tasks"
        self.task_dir.mkdir()
        self.database = folder / "employees.csv"
        self.database.write_text("Age\n1\n")
        self.api = FakeKubeApi(host=host)
        self.api.add_service("v6proxy", PROXY_ADDRESS)
        self.api.open()
        self.kubeconfig = self.api.write_kubeconfig(folder)
        self.server = DummyServerProcess(folder, host)
        self.events: list[Event] = []
        self.settings: dict[str, Any] = {"limits": {"hopeless_seconds": 0.3}}
        self._emitters: list[EmitterClient] = []
        self._nodes: list[Node] = []
        self._processes: list[Process] = []

    def start(self) -> EmitterClient:
        """Start the server and the node (in this process); return a connected emitter."""
        self.server.start()
        self.start_node()
        return self.connect()

    def close(self) -> None:
        for emitter in self._emitters:
            emitter.close()
        self.api.faults.clear()
        for node in self._nodes:
            node.stop()
        for process in self._processes:
            process.kill()
        self.server.kill()
        self.api.close()

    # --- the node

    def write_config(self) -> Path:
        """Write the node's configuration for this station."""
        config = {
            "server_url": self.server.host_url,
            "port": self.server.port,
            "task_dir": str(self.task_dir),
            "databases": [
                {"label": label, "uri": str(self.database), "type": "csv"}
                for label in ("default", "db1")
            ],
            "kubernetes": {
                "node_name": "Test node",
                "images": {"resolve": "off"},  # tests of registries have a registry of their own
                **self.settings,
                **no_self_test(self.settings),
            },
        }
        path = self.folder / "node_config.yaml"
        path.write_text(yaml.safe_dump(config))
        return path

    def start_node(self) -> Node:
        """Run a node in this process; the fixture patches KUBECONFIG."""
        config = put_up_walls(self.api, self.write_config())
        node = Node(config, None, threading.Event(), context=None, health_port=0)
        self._nodes.append(node)
        before = self.server.registrations
        node.start()
        eventually(node._is_at_work, "a node at work")
        # Until then the server keeps commands, and accepts them in the place of the node.
        eventually(lambda: self.server.registrations > before, "a registered node")
        return node

    def stop_node(self) -> None:
        self._nodes.pop().stop()

    def start_node_process(self) -> Process:
        """Run ``python -m node_poc run`` and wait until the node has a connection."""
        path = self.write_config()
        put_up_walls(self.api, path)
        options = ["--config", str(path), "--health-port", "0", "--log-format", "json"]
        process = Process(
            ["-m", "node_poc", "run", *options],
            self.folder / "node.log",
            KUBECONFIG=str(self.kubeconfig),
        )
        self._processes.append(process)
        eventually(
            lambda: not process.is_alive or "connected to the server" in process.log,
            "a connected node process",
            START_SECONDS,
        )
        assert process.is_alive, process.log
        return process

    @property
    def open_runs(self) -> list[int]:
        """Return the runs without a delivered result, according to the node's records."""
        return sorted(int(path.name) for path in (self.task_dir / ".node/open").iterdir())

    # --- the emitter

    def connect(self) -> EmitterClient:
        """Return another emitter; its events go to ``events``."""
        emitter = EmitterClient(self.server.url, on_event=self.events.append)
        emitter.connect()
        self._emitters.append(emitter)
        return emitter

    def statuses(self, run_id: int) -> list[str]:
        """Return the statuses received of a run, in order and without repeats."""
        found: list[str] = []
        for event in list(self.events):
            told = event.kind in {EventKind.STATUS, EventKind.RESULT} and event.run_id == run_id
            if told and event.data["status"] not in found[-1:]:
                found.append(event.data["status"])
        return found

    def results_at_server(self, run_id: int) -> int:
        """Return the number of results of a run at the server's current process."""
        return self.server.log.count(f"run_result run {run_id}:")

    # --- the cluster

    def job_arrives(self, run_id: int) -> dict[str, Any]:
        """Wait for the Job of a run, and for its pod if the cluster makes pods."""
        if self.api.kubelet.makes_pods:
            eventually(lambda: self._of("pods", run_id), f"the pod of run {run_id}")
        return eventually(lambda: self._of("jobs", run_id), f"the Job of run {run_id}")

    def job_is_marked(self, run_id: int) -> dict[str, Any]:
        """Wait until the Job of a run is marked as delivered."""
        return eventually(lambda: self._marked(run_id), f"the mark on the Job of run {run_id}")

    def _of(self, kind: str, run_id: int) -> dict[str, Any] | None:
        kubelet = self.api.kubelet
        try:
            return kubelet.job_of(run_id) if kind == "jobs" else kubelet.pod_of(run_id)
        except NotThere:
            return None

    def _marked(self, run_id: int) -> dict[str, Any] | None:
        job = self._of("jobs", run_id)
        marked = job and "vantage6.ai/result-delivered" in job["metadata"]["annotations"]
        return job if marked else None

    def jobs_created(self, run_id: int) -> int:
        """Return how many Jobs of a run the cluster ever accepted."""
        return len(
            [
                asked
                for asked in self.api.requests("POST", "/jobs$")
                if asked.body["metadata"]["labels"]["vantage6.ai/run-id"] == str(run_id)
            ]
        )
