"""A data station with random faults in every part, for tests with thousands of runs.

The node's parts are real: engine, pool, watches, logs, records, delivery. The cluster and the
server are in this process, so that a run costs milliseconds. A node may be killed at any moment:
then its calls fail, its files are no longer written, and a new node is built from the records.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from node_poc.cluster.logs import ContainerLogs
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.watch import Watcher
from node_poc.config.model import NodeConfig
from node_poc.engine.assembly import make_engine
from node_poc.engine.delivery import Delivery
from node_poc.engine.disk_watch import DiskWatch
from node_poc.engine.inbox import Inbox
from node_poc.engine.log_keeper import LogKeeper
from node_poc.engine.messages import Delivered, JobsSeen, Kill, PodsSeen
from node_poc.engine.run_jobs import RunJobs
from node_poc.engine.run_work import RunWork
from node_poc.manifests.identity import CONTAINER, Identity
from node_poc.runs.model import Run, RunResult, RunSpec
from node_poc.runs.ports import Answer, DeliveryError, KillOutcome, Submission
from node_poc.storage.past import PastRecords
from node_poc.storage.records import Records, StorageError
from tests.fakes.kube_api import FakeKubeApi
from tests.fakes.local_api import Dice, LocalApi

_NEEDS_ROOM = frozenset({"write_run", "update_run", "write_result", "use_volume", "close"})


class Mortal:
    """A wrapper of the node's disk writers: ends with the node's process, and sometimes is full."""

    def __init__(self, inner: Any, dead: threading.Event, is_full: Callable[[], bool]) -> None:
        self._inner = inner
        self._dead = dead
        self._is_full = is_full

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            if self._dead.is_set():
                raise SystemExit  # Python ends the calling thread silently
            if name in _NEEDS_ROOM and self._is_full():
                raise StorageError("no space left on device")
            return found(*arguments, **options)

        return call


class Server:
    """A server that takes results, may lose results or acknowledgements, and may be away."""

    def __init__(self, dice: Dice, chance: float) -> None:
        self._dice = dice
        self._chance = chance
        self.is_up = True
        self.connection = 1
        self.results: dict[int, list[RunResult]] = defaultdict(list)
        self.statuses: dict[int, list[str]] = defaultdict(list)

    def flap(self) -> None:
        """Go away, or come back."""
        self.is_up = not self.is_up
        self.connection += 1

    def take_status(self, run: Run) -> None:
        if not self._dice.falls(self._chance):
            self.statuses[run.run_id].append(run.status.value)

    def take_result(self, result: RunResult, acknowledged: Callable[[], None]) -> None:
        if self._dice.falls(self._chance):
            return
        self.results[result.run_id].append(result)
        if not self._dice.falls(self._chance):
            acknowledged()
        if self._dice.falls(self._chance):
            acknowledged()


class Link:
    """A node's connection to the server."""

    def __init__(self, server: Server, dice: Dice, chance: float, dead: threading.Event) -> None:
        self._server = server
        self._dice = dice
        self._chance = chance
        self._dead = dead

    @property
    def is_connected(self) -> bool:
        return self._server.is_up and not self._dead.is_set()

    @property
    def connection(self) -> int:
        return self._server.connection

    def send_status(self, run: Run) -> None:
        self._check()
        self._server.take_status(run)

    def send_result(self, result: RunResult, acknowledged: Callable[[], None]) -> None:
        self._check()
        self._server.take_result(result, acknowledged)

    def _check(self) -> None:
        if not self.is_connected or self._dice.falls(self._chance):
            raise DeliveryError("broken")


class MortalNode:
    """A whole node without its server's adapter, its Lease and its health page."""

    def __init__(
        self, config: NodeConfig, cluster: FakeKubeApi, server: Server, dice: Dice, chance: float
    ) -> None:
        self._dead = threading.Event()
        self._api: Any = LocalApi(cluster, dice, chance)
        settings = config.kubernetes
        real = Records(Path(config.task_dir))
        real.prepare()
        real_past = PastRecords(Path(config.task_dir), settings.keep_folders_seconds)
        real_past.prepare()
        is_full = partial(dice.falls, chance)
        records: Any = Mortal(real, self._dead, is_full)
        past: Any = Mortal(real_past, self._dead, is_full)
        objects = ClusterObjects(self._api, settings.namespace)
        logs = ContainerLogs(self._api, objects.pods_path, CONTAINER)
        self._keeper = LogKeeper(logs, real.folder, 65536, 65536)
        disk = DiskWatch(config, real, lambda *_: None, lambda _: None)
        work = RunWork(config, RunJobs(config, objects), records, past, self._keeper, disk)
        self._inbox = Inbox()
        link = Link(server, dice, chance, self._dead)
        self._delivery = Delivery(link, lambda run_id: self._inbox.post(Delivered(run_id)))
        self.engine = make_engine(config, self._inbox, work, records, past, self._delivery)
        selector = Identity(settings.node_name).selector
        post = self._inbox.post
        self._watchers = [
            Watcher(self._api, objects.jobs_path, selector, lambda seen: post(JobsSeen(seen))),
            Watcher(self._api, objects.pods_path, selector, lambda seen: post(PodsSeen(seen))),
        ]

    def start(self) -> None:
        self._delivery.start()
        self.engine.start()
        for watcher in self._watchers:
            watcher.start()

    def kill(self) -> None:
        """Kill the node in the middle of its work."""
        self._dead.set()
        self._api.die()
        for watcher in self._watchers:
            watcher.stop()
        self._keeper.stop()
        self.engine.stop(5)
        self._delivery.stop(5)

    def submit(self, spec: RunSpec) -> Future[Answer]:
        submission = Submission(spec, Future())
        self._inbox.post(submission)
        return submission.answer

    def kill_run(self, run_id: int) -> Future[list[KillOutcome]]:
        kill = Kill((run_id,), Future())
        self._inbox.post(kill)
        return kill.outcomes
