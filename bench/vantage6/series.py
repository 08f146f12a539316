"""The series: each posts tasks with vantage6's own client and returns rows."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.plan import GAP_SECONDS
from bench.processes import container_processes, until_gone
from bench.table import Row
from bench.vantage6 import moments
from bench.vantage6.moments import Moments, Posted, Restart
from devserver import Client
from devstation import Federation, Tell, Vantage6Station
from node_poc.manifests.identity import LABEL_COMPONENT, LABEL_NODE, LABEL_RUN, Identity

_LOOK_SECONDS = 0.05
_PATIENCE_SECONDS = 180.0
_RESTART_RUNS = 5
_GRACE = {"ended in order": (), "killed": ("--grace-period=0", "--force")}


class Series:
    """The series' common parts: the client, the station, and posting and following tasks."""

    def __init__(
        self, federation: Federation, station: Vantage6Station, client: Client, tell: Tell
    ) -> None:
        """Take the parts; ``station`` carries out the tasks of its organization."""
        self._federation = federation
        self._station = station
        self._client = client
        self.tell = tell
        self._dice = random.Random(1)  # noqa: S311  pauses, no secret

    def central(self, runs: int) -> list[Row]:
        """Measure a central function with a subtask at each of two organizations."""
        world = self._federation.world
        organizations = [world.organization(name) for name in ("alpha", "beta")]
        took = []
        for _ in range(runs):
            self.pause()
            began = time.time()
            task = self.post(
                "central_average",
                image="v6_federated_average",
                column_name="Age",
                organizations=organizations,
            )
            self.finish(task)
            took.append(time.time() - began)
        goal, docker = moments.CENTRAL_SECONDS, moments.DOCKER_CENTRAL
        return [moments.seconds_row("central function with two subtasks", took, goal, docker)]

    def kill(self, runs: int) -> list[Row]:
        """Measure the time from the client's call to the end of the container."""
        took = []
        for _ in range(runs):
            self.pause()
            task = self.post("sleep", seconds=300)
            run = self._until_active(task)
            processes = container_processes(self._pod_uid(run))
            began = time.time()
            self._client.kill(task)
            took.append(until_gone(processes, _PATIENCE_SECONDS) - began)
        goal, docker = moments.KILL_SECONDS, moments.DOCKER_KILL
        return [moments.seconds_row("kill to container gone", took, goal, docker)]

    def restart(self) -> list[Row]:
        """Measure the end of a node while runs continue."""
        return moments.restart_rows([self._restart(how) for how in _GRACE])

    def _restart(self, how: str) -> Restart:
        self.tell(f"the node is {how} with {_RESTART_RUNS} runs")
        tasks = [self.post("sleep", seconds=12) for _ in range(_RESTART_RUNS)]
        runs = [self._until_active(task) for task in tasks]
        where = ["-n", self._federation.location.namespace]
        kubectl = self._federation.cluster.kubectl
        label = f"{LABEL_NODE}={Identity(self._station.name).node_label}"
        node = ["-l", f"{LABEL_COMPONENT}=node,{label}"]
        began = time.time()
        kubectl(*where, "delete", "pod", "--wait=false", *node, *_GRACE[how])
        ends = [self._client.wait(task, _PATIENCE_SECONDS) for task in tasks]
        until = time.time() - began
        right = sum(end["status"] == "completed" for end in ends)
        selector = f"{LABEL_RUN} in ({','.join(map(str, runs))})"
        pods = kubectl(*where, "get", "pods", "-o", "name", "-l", selector).split()
        return Restart(how, len(tasks), right, len(pods), until)

    def _pod_uid(self, run: int) -> str:
        namespace = self._federation.location.namespace
        selector = ("-l", f"{LABEL_RUN}={run}")
        (pod,) = self._federation.cluster.get("pods", *selector, namespace=namespace)
        return str(pod["metadata"]["uid"])

    def one(self, method: str) -> Moments:
        """Post a task and wait until the client sees its completion. Raise BenchError."""
        task = self.posted(method)
        run, seen = self.finish(task.number)
        folder = self._federation.tasks(self._station) / str(run)
        return _moments(task, folder, seen)

    def post(self, method: str, image: str = "v6_test_algorithm", **arguments: Any) -> int:
        """Post a task for the station; return its number."""
        return self.posted(method, image, **arguments).number

    def posted(self, method: str, image: str = "v6_test_algorithm", **arguments: Any) -> Posted:
        """Post a task for the station; return its number and moments."""
        began = time.time()
        world = self._federation.world
        made = self._client.submit(
            world.collaboration(self._station.collaboration),
            [world.organization(self._station.organization)],
            self._federation.cluster.image(image),
            {"method": method, "kwargs": arguments},
            [{"label": "default"}],
            read_runs=False,  # a request that no researcher makes would count against the node
        )
        return Posted(int(made["task_id"]), began, made["submitted_at"], made["answered_at"])

    def finish(self, task: int, every: float = _LOOK_SECONDS) -> tuple[int, float]:
        """Return the run's id, and when the client saw the end. Raise BenchError."""
        run = self._look(task, lambda one: bool(one["finished_at"]), every)
        if run["status"] != "completed":
            raise BenchError(f"task {task}: {run['status']}: {run['log']}")
        return int(run["id"]), time.time()

    def _until_active(self, task: int) -> int:
        return int(self._look(task, lambda one: one["status"] == "active")["id"])

    def _look(
        self, task: int, done: Callable[[dict[str, Any]], bool], every: float = _LOOK_SECONDS
    ) -> dict[str, Any]:
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end:
            run = self._client.runs(task)[0]
            if done(run):
                return run
            time.sleep(every)
        raise BenchError(f"task {task} is still {run['status']} after {_PATIENCE_SECONDS} s")

    def pause(self) -> None:
        """Wait for a random time, to be out of step with the kubelet."""
        time.sleep(self._dice.uniform(*GAP_SECONDS))


def _moments(task: Posted, folder: Path, seen: float) -> Moments:
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        collected = (folder / "result.json").stat().st_mtime
        received, created = float(record["received_at"]), float(record["job_created_at"])
        return Moments(task, received, created, collected, seen)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{folder}: the node's records are not to be read: {error}") from error
