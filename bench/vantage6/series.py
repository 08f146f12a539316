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
from bench.table import Row
from bench.vantage6 import moments
from bench.vantage6.moments import Moments, Restart
from bench.vantage6.processes import container_processes, until_gone
from demo.federation import DataStation, Federation
from demo.tools import kubectl, read
from devserver import Client
from node_poc.manifests.identity import LABEL_COMPONENT, LABEL_NODE, LABEL_RUN, Identity

_LOOK_SECONDS = 0.05
# Each look takes the server some 30 ms of processor, which twenty runs need themselves.
_BURST_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 180.0
_BURST = 20
_RESTART_RUNS = 5
_GRACE = {"ended in order": (), "killed": ("--grace-period=0", "--force")}

Tell = Callable[[str], None]


class Series:
    """Everything a series needs: who asks, where the runs go, and how many there are of each."""

    def __init__(
        self, federation: Federation, station: DataStation, client: Client, tell: Tell
    ) -> None:
        """``station`` carries out what is asked of one organization."""
        self._federation = federation
        self._station = station
        self._client = client
        self._tell = tell
        self._dice = random.Random(1)  # noqa: S311  pauses, no secret

    def single(self, runs: int) -> list[Row]:
        """Runs one at a time; the first is not counted."""
        seen = [self._one("shape_of") for _ in range(runs + 1)]
        return moments.single_rows(seen[1:])

    def burst(self, rounds: int) -> list[Row]:
        """Twenty tasks posted one after the other, until the last has its result."""
        last = []
        for number in range(rounds):
            self._tell(f"burst {number + 1} of {rounds}")
            self._pause()
            began = time.time()
            tasks = [self._post("shape_of") for _ in range(_BURST)]
            for task in tasks:
                self._finish(task, _BURST_LOOK_SECONDS)
            last.append(time.time() - began)
        goal, docker = moments.BURST_SECONDS, moments.DOCKER_BURST
        return [moments.seconds_row(f"burst of {_BURST}: last result", last, goal, docker)]

    def central(self, runs: int) -> list[Row]:
        """A central function with a subtask at each of two organizations."""
        world = self._federation.world
        organizations = [world.organization(name) for name in ("alpha", "beta")]
        took = []
        for _ in range(runs):
            self._pause()
            began = time.time()
            task = self._post(
                "central_average",
                image="v6_federated_average",
                column_name="Age",
                organizations=organizations,
            )
            self._finish(task)
            took.append(time.time() - began)
        goal, docker = moments.CENTRAL_SECONDS, moments.DOCKER_CENTRAL
        return [moments.seconds_row("central function with two subtasks", took, goal, docker)]

    def kill(self, runs: int) -> list[Row]:
        """From the client's call to the end of the container."""
        took = []
        for _ in range(runs):
            self._pause()
            task = self._post("sleep", seconds=300)
            run = self._until_active(task)
            processes = container_processes(self._pod_uid(run))
            began = time.time()
            self._client.kill(task)
            took.append(until_gone(processes, _PATIENCE_SECONDS) - began)
        goal, docker = moments.KILL_SECONDS, moments.DOCKER_KILL
        return [moments.seconds_row("kill to container gone", took, goal, docker)]

    def restart(self) -> list[Row]:
        """The node goes away while runs go on."""
        return moments.restart_rows([self._restart(how) for how in _GRACE])

    def _restart(self, how: str) -> Restart:
        self._tell(f"the node is {how} with {_RESTART_RUNS} runs")
        tasks = [self._post("sleep", seconds=12) for _ in range(_RESTART_RUNS)]
        runs = [self._until_active(task) for task in tasks]
        where = ["-n", self._federation.ground.namespace]
        label = f"{LABEL_NODE}={Identity(self._station.name).node_label}"
        node = ["-l", f"{LABEL_COMPONENT}=node,{label}"]
        began = time.time()
        read(kubectl(*where, "delete", "pod", "--wait=false", *node, *_GRACE[how]))
        ends = [self._client.wait(task, _PATIENCE_SECONDS) for task in tasks]
        until = time.time() - began
        right = sum(end["status"] == "completed" for end in ends)
        selector = f"{LABEL_RUN} in ({','.join(map(str, runs))})"
        pods = read(kubectl(*where, "get", "pods", "-o", "name", "-l", selector)).split()
        return Restart(how, len(tasks), right, len(pods), until)

    def _pod_uid(self, run: int) -> str:
        where = ["-n", self._federation.ground.namespace, "-l", f"{LABEL_RUN}={run}"]
        (pod,) = json.loads(read(kubectl("get", "pods", "-o", "json", *where)))["items"]
        return str(pod["metadata"]["uid"])

    def _one(self, method: str) -> Moments:
        self._pause()
        posted = time.time()
        task = self._post(method)
        run, seen = self._finish(task)
        folder = self._federation.folder(self._station) / "tasks" / str(run)
        return _moments(posted, folder, seen)

    def _post(self, method: str, image: str = "v6_test_algorithm", **arguments: Any) -> int:
        world = self._federation.world
        made = self._client.submit(
            world.collaboration(self._station.collaboration),
            [world.organization(self._station.organization)],
            self._federation.image(image),
            {"method": method, "kwargs": arguments},
            [{"label": "default"}],
        )
        return int(made["task_id"])

    def _finish(self, task: int, every: float = _LOOK_SECONDS) -> tuple[int, float]:
        """The run's id, and when it was seen finished."""
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

    def _pause(self) -> None:
        time.sleep(self._dice.uniform(*GAP_SECONDS))


def _moments(posted: float, folder: Path, seen: float) -> Moments:
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        collected = (folder / "result.json").stat().st_mtime
        received, created = float(record["received_at"]), float(record["job_created_at"])
        return Moments(posted, received, created, collected, seen)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{folder}: the node's records are not to be read: {error}") from error
