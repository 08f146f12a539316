"""A data station for the tests on the real cluster: namespace, node, proxy, dummy server.

The station is made from the same YAML files that users apply, with another namespace, folder and
port, so that a demo on the same cluster is not disturbed.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from demo.readiness import wait_ready

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "dummy_socketio_server"))

from emitter_client import EmitterClient, Event  # noqa: E402  found by the line above

NAMESPACE = "v6-test"
# The dev cluster's instances share the machine's folders, so each instance has its own folder.
HOME = Path(f"/var/lib/vantage6-node-test{os.environ.get('DEVCLUSTER_INDEX', '')}")
TASKS = HOME / "tasks"
PORT = 5055
_DEMO_HOME, _DEMO_NAMESPACE = "/var/lib/vantage6-node", "v6-jobs"
# Enough for an image pull on two busy cores; only reached when something is broken.
PATIENCE_SECONDS = 120.0


def _unchanged(config: dict[str, Any]) -> None:
    """Leave the node's configuration as it is."""


@dataclass(frozen=True)
class Place:
    """The place of a station on the cluster. Stations at different places do not meet.

    ``home``: folder of the machine; ``port``: port of the dummy server; ``change`` may change the
    node's configuration.
    """

    namespace: str = NAMESPACE
    home: Path = HOME
    port: int = PORT
    change: Callable[[dict[str, Any]], None] = _unchanged

    @property
    def tasks(self) -> Path:
        """Return the node's task_dir."""
        return self.home / "tasks"


TESTS_PLACE = Place()


class Cluster:
    """``kubectl`` on the cluster under test."""

    def __init__(self) -> None:
        told = subprocess.run(
            [sys.executable, "-m", "devcluster", "env"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        words = shlex.split(told)
        self.settings = dict(word.split("=", 1) for word in words if "=" in word)
        self.images = self.settings["IMAGE_REGISTRY"]
        self.server_ip = self.settings["SERVER_IP"]
        self.outside = self.settings["OUTSIDE"]

    def kubectl(self, *arguments: str, text_in: str | None = None, check: bool = True) -> str:
        """Run ``kubectl`` and return its output."""
        done = subprocess.run(
            [*shlex.split(self.settings["KUBECTL"]), *arguments],
            check=False,
            capture_output=True,
            text=True,
            input=text_in,
        )
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout if check else done.stdout + done.stderr

    def get(self, kind: str, *arguments: str, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        """Return the objects of a kind."""
        text = self.kubectl("-n", namespace, "get", kind, "-o", "json", *arguments)
        items: list[dict[str, Any]] = json.loads(text)["items"]
        return items

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply objects."""
        self.kubectl("apply", "-f", "-", text_in=yaml.safe_dump_all(objects))

    def delete(self, *objects: dict[str, Any]) -> None:
        """Delete objects; objects that are already gone are no error."""
        self.kubectl(
            "delete",
            "--ignore-not-found",
            "--wait=true",
            "-f",
            "-",
            text_in=yaml.safe_dump_all(objects),
        )


class DummyServerProcess:
    """The real dummy server, as a process that tests may kill."""

    program: tuple[str, ...] = ("simple_sio_server.py",)

    def __init__(self, address: str, log: Path, port: int = PORT) -> None:
        self._address = address
        self._log = log
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it listens."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    *self.program,
                    "--host",
                    self._address,
                    "--port",
                    str(self._port),
                ],
                cwd=ROOT / "dummy_socketio_server",
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_for(self._listens, "the dummy server listens")

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection((self._address, self._port), timeout=1):
            return True
        return False

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Kill the server at once."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None


class Station:
    """The parts that a test needs: the cluster, the node on it, the server, an emitter."""

    def __init__(self, cluster: Cluster, log: Path, place: Place = TESTS_PLACE) -> None:
        self.cluster = cluster
        self.place = place
        self.server = DummyServerProcess(cluster.server_ip, log, place.port)
        self.url = f"http://{cluster.server_ip}:{place.port}"

    def set_up(self) -> None:
        """Make namespace, folders, server, proxy and node; wait until the node is ready."""
        self.tear_down()
        self.make_folders()
        self.server.start()
        self.cluster.apply(*self.objects())
        self.wait_ready()

    def make_folders(self) -> None:
        """Make the folders of the machine that the station needs."""
        home = self.place.home
        self.place.tasks.mkdir(parents=True)
        (home / "csv").mkdir()
        shutil.copyfile(ROOT / "csv" / "employees.csv", home / "csv" / "employees.csv")

    def tear_down(self) -> None:
        """Remove the whole station."""
        self.server.kill()
        self.cluster.kubectl("delete", "namespace", self.place.namespace, "--ignore-not-found")
        shutil.rmtree(self.place.home, ignore_errors=True)

    def objects(self) -> list[dict[str, Any]]:
        """Return the objects of the users' YAML files, moved to this station's place."""
        files = sorted((ROOT / "node_poc" / "kubeconfs").glob("*.yaml"))
        files.append(ROOT / "dummy_proxy" / "proxy_pod_deployment.yaml")
        found = []
        for path in files:
            text = path.read_text().replace(_DEMO_HOME, str(self.place.home))
            text = text.replace("localhost:5001", self.cluster.images)
            found += [moved(item, self.place) for item in yaml.safe_load_all(text) if item]
        return found

    def wait_ready(self) -> None:
        """Wait until node and proxy are ready."""
        wait_ready(self.place.namespace, "v6proxy", "v6-node")

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        """Run ``kubectl`` in the station's namespace and return its output."""
        return self.cluster.kubectl("-n", self.place.namespace, *arguments, check=check)

    def emitter(self, on_event: Callable[[Event], None] | None = None) -> EmitterClient:
        """Return a client of the dummy server; use the client as a context manager."""
        return EmitterClient(self.url, on_event)

    def payload(self, *arguments: str, **changed: Any) -> dict[str, Any]:
        """Return a valid command with a new run id; by default the algorithm averages Age."""
        given = arguments or ("/app/input/csv/default", "Age", "/app/output/avg.txt")
        run_id = time.time_ns() // 1000
        return {
            "run_id": run_id,
            "task_info": {f"arg{n}": text for n, text in enumerate(given, 1)},
            "image": f"{self.cluster.images}/v6_average_algorithm",
            "docker_input": "input1",
            "tmp_vol_name": f"tmp-{run_id}",
            "token": "a-secret-token",
            "databases_to_use": ["default"],
            **changed,
        }

    def run(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Post a run, wait for its end and return its result."""
        with self.emitter() as emitter:
            answer = emitter.post(payload)
            assert answer["accepted"], answer
            return emitter.wait(payload["run_id"], timeout_s=PATIENCE_SECONDS)

    def job_of(self, run_id: int) -> dict[str, Any] | None:
        """Return the run's Job; None if there is none."""
        selector = f"vantage6.ai/run-id={run_id}"
        jobs = self.cluster.get("jobs", "-l", selector, namespace=self.place.namespace)
        assert len(jobs) <= 1
        return jobs[0] if jobs else None

    def node_log(self) -> str:
        """Return the node's own log."""
        return self.kubectl("logs", "deployment/v6-node")


def moved(item: dict[str, Any], place: Place = TESTS_PLACE) -> dict[str, Any]:
    """Return one object of the users' files, moved to another place with its configuration."""
    if item["kind"] == "Namespace":
        item["metadata"]["name"] = place.namespace
        return item
    item["metadata"]["namespace"] = place.namespace
    for subject in item.get("subjects", []):
        subject["namespace"] = place.namespace
    if item["kind"] == "ConfigMap":
        config = yaml.safe_load(item["data"]["node_config.yaml"])
        item["data"]["node_config.yaml"] = yaml.safe_dump(_test_config(config, place))
    return item


def _test_config(config: dict[str, Any], place: Place) -> dict[str, Any]:
    config["server_url"] = f"http://{os.environ.get('SERVER_IP') or Cluster().server_ip}"
    config["port"] = place.port
    late = {"label": "late", "type": "csv", "uri": f"{place.home}/csv/late.csv"}
    config["databases"].append(late)
    config["kubernetes"]["namespace"] = place.namespace
    config["kubernetes"]["limits"] = {"pull_seconds": 30, "hopeless_seconds": 5}
    place.change(config)
    return config


def wait_for(
    check: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS, every: float = 0.2
) -> Any:
    """Wait until ``check`` returns something true, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := check():
            return found
        time.sleep(every)
    raise AssertionError(f"waited {seconds} s in vain: {what}")
