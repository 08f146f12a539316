"""A data station whose server is a real vantage6 server; only the cluster is a fake.

The server is devserver's, shared by all tests of a session. Each station has its own collaboration
there, and so its own nodes and tasks.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from pathlib import Path
from typing import Any

import yaml

from devserver import Client, World
from node_poc.node import Node
from node_poc.storage.private_key import organization_key
from tests.fakes.kube_api import FakeKubeApi
from tests.fakes.kube_store import AlreadyThere, NotThere
from tests.fakes.processes import Process
from tests.fakes.station import PROXY_ADDRESS, eventually
from tests.fakes.walls import no_self_test, put_up_walls

IMAGE = "registry.example/algorithm:1"
_NUMBERS = itertools.count(1)


class V6Station:
    """A node of organization alpha, and alpha's users. ``start_node`` starts the node."""

    def __init__(self, folder: Path, world: World, root: Client, *, encrypted: bool) -> None:
        self.folder = folder
        self.world = world
        self.collaboration_name = f"test {next(_NUMBERS)}"
        self.collaboration = world.add_collaboration(
            root, self.collaboration_name, ["alpha", "beta"], encrypted=encrypted
        )
        self.encrypted = encrypted
        self.alpha, self.beta = world.organization("alpha"), world.organization("beta")
        self.task_dir = folder / "tasks"
        self.task_dir.mkdir()
        self.database = folder / "employees.csv"
        self.database.write_text("Age,Name\n1,a\n")
        self.api = FakeKubeApi()
        self.api.open()
        self.kubeconfig = self.api.write_kubeconfig(folder)
        self.kubelet = self.api.kubelet
        self.config: dict[str, Any] = {}
        self.settings: dict[str, Any] = {"limits": {"hopeless_seconds": 0.3}}
        self.node: Node | None = None
        self.ending = threading.Event()
        self._processes: list[Process] = []

    def close(self) -> None:
        self.api.faults.clear()
        self.stop_node()
        for process in self._processes:
            process.kill()
        self.api.close()

    # --- the node

    @property
    def identity(self) -> dict[str, Any]:
        """Return the node as registered at the server: id, name, api_key."""
        return self.world.node(self.collaboration_name, "alpha")

    def write_config(self) -> Path:
        """Write the node's configuration, a file as vantage6's own node reads it."""
        server = self.world.server
        key = str(self.world.private_key("alpha"))
        config = {
            "api_key": self.identity["api_key"],
            "server_url": server.host,
            "port": server.port,
            "api_path": "/api",
            "task_dir": str(self.task_dir),
            "databases": [{"label": "default", "uri": str(self.database), "type": "csv"}],
            "encryption": {"enabled": self.encrypted, "private_key": key if self.encrypted else ""},
            "kubernetes": {
                "node_name": f"Node {self.identity['id']}",
                "images": {"resolve": "off"},  # there is no registry
                **self.settings,
                **no_self_test(self.settings),
            },
            **self.config,
        }
        path = self.folder / "node_config.yaml"
        path.write_text(yaml.safe_dump(config))
        return path

    def start_node(self, *, ready: bool = True) -> Node:
        """Run a node in this process; the fixture patches KUBECONFIG."""
        config = put_up_walls(self.api, self.write_config())
        with contextlib.suppress(AlreadyThere):
            self.api.add_service(config.kubernetes.proxy.service, PROXY_ADDRESS)
        self.ending.clear()
        self.node = Node(
            config, organization_key(config, self.folder), self.ending, context=None, health_port=0
        )
        self.node.start()
        if ready:
            eventually(self.node._is_ready, "a ready node")
        return self.node

    def stop_node(self) -> None:
        if self.node is not None:
            self.node.stop()
            self.node = None

    def start_process(self, **environment: str) -> Process:
        """Run ``python -m node_poc run``, without waiting for the node."""
        path = self.write_config()
        service = put_up_walls(self.api, path).kubernetes.proxy.service
        self.api.add_service(service, PROXY_ADDRESS)
        options = ["--config", str(path), "--health-port", "0", "--log-format", "json"]
        process = Process(
            ["-m", "node_poc", "run", *options],
            self.folder / "node.log",
            **environment,
            KUBECONFIG=str(self.kubeconfig),
        )
        self._processes.append(process)
        return process

    # --- tasks

    def submit(self, user: Client, *organizations: int, **changes: Any) -> dict[str, Any]:
        """Make a task for alpha, or for the given organizations."""
        asked: dict[str, Any] = {
            "collaboration": self.collaboration,
            "organizations": list(organizations) or [self.alpha],
            "image": IMAGE,
            "input_": {"method": "average", "args": [], "kwargs": {}},
        }
        return user.submit(**(asked | changes))

    def run_of(self, made: dict[str, Any]) -> int:
        """Return alpha's run of a task that ``submit`` made."""
        return next(r["id"] for r in made["runs"] if r["organization_id"] == self.alpha)

    # --- the cluster

    def job_arrives(self, run_id: int) -> dict[str, Any]:
        """Wait for the Job of a run and its pod."""
        return eventually(lambda: self._job(run_id), f"the Job of run {run_id}")

    def _job(self, run_id: int) -> dict[str, Any] | None:
        try:
            self.kubelet.pod_of(run_id)
            return self.kubelet.job_of(run_id)
        except NotThere:
            return None

    def jobs_created(self, run_id: int) -> int:
        """Return how many Jobs of a run the cluster ever accepted."""
        return len(
            [
                asked
                for asked in self.api.requests("POST", "/jobs$")
                if asked.body["metadata"]["labels"]["vantage6.ai/run-id"] == str(run_id)
            ]
        )

    def output_of(self, run_id: int) -> Path:
        """Return the file for the algorithm's result."""
        return self.task_dir / str(run_id) / "output"

    def ends(
        self, run_id: int, result: object = None, log: bytes = b"", exit_code: int = 0
    ) -> None:
        """End the algorithm, with a result."""
        if result is not None:
            self.output_of(run_id).write_text(json.dumps(result))
        self.kubelet.ends(run_id, exit_code=exit_code, log=log)

    @property
    def open_runs(self) -> list[int]:
        """Return the runs without a delivered result, according to the node's records."""
        return sorted(int(path.name) for path in (self.task_dir / ".node/open").iterdir())
