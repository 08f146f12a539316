"""The composition root: configuration → objects → threads → wait for the end. No rules in here."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from types import FrameType

import structlog

from node_poc import __version__
from node_poc.cluster.connect import connect
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.watch import Watcher
from node_poc.config.model import NodeConfig
from node_poc.container_manager import ContainerManager
from node_poc.delivery import Delivery
from node_poc.inbox import Delivered, JobsSeen, PodsSeen
from node_poc.manifests.identity import Identity
from node_poc.observe.health import Checks, HealthServer
from node_poc.pipeline import Engine
from node_poc.protocol.dummy_server import DummyServer
from node_poc.storage.records import Records

log = structlog.get_logger(__name__)

# The engine looks up at least once a second; silent for so long, it is stuck.
_STUCK_SECONDS = 60.0
_DELIVER_SECONDS = 5.0
_ENGINE_SECONDS = 2.0


class Node:
    """All parts of a running node."""

    def __init__(self, config: NodeConfig, *, context: str | None, health_port: int) -> None:
        """Connect the parts; nothing runs before ``start``.

        Raises:
            NoClusterError: there is no cluster to connect to.
            StorageError: task_dir cannot be used.
            OSError: the health port is taken.
        """
        records = Records(Path(config.task_dir))
        records.prepare()
        api = connect(context)
        objects = ClusterObjects(api, config.kubernetes.namespace)
        self._engine = Engine(config, ContainerManager(config, objects, records), records)
        self._server = DummyServer(config, self._engine.post)
        self._delivery = Delivery(self._server, lambda run_id: self._engine.post(Delivered(run_id)))
        selector = Identity(config.kubernetes.node_name).selector
        self._watchers = [
            Watcher(api, objects.jobs_path, selector, lambda s: self._engine.post(JobsSeen(s))),
            Watcher(api, objects.pods_path, selector, lambda s: self._engine.post(PodsSeen(s))),
        ]
        self._health = HealthServer(health_port, Checks(self._is_alive, self._is_ready))

    def _is_alive(self) -> bool:
        return time.monotonic() - self._engine.beat < _STUCK_SECONDS

    def _is_ready(self) -> bool:
        return self._is_alive() and self._engine.knows_the_cluster and self._server.is_connected

    def start(self) -> None:
        """Start every thread, the taker of work last."""
        self._health.start()
        self._delivery.start()
        self._engine.start(self._delivery)
        for watcher in self._watchers:
            watcher.start()
        self._server.start()

    def stop(self) -> None:
        """Deliver what is ready and end. Running Jobs go on; the next start takes them up."""
        for watcher in self._watchers:
            watcher.stop()
        self._engine.stop(_ENGINE_SECONDS)
        self._delivery.stop(_DELIVER_SECONDS)
        self._server.stop()
        self._health.stop()


def run_node(config: NodeConfig, *, context: str | None, health_port: int) -> None:
    """Run a node until SIGTERM or Ctrl-C. Raises what ``Node`` raises."""
    ending = threading.Event()

    def end(number: int, _: FrameType | None) -> None:
        log.info("ending", signal=signal.Signals(number).name)
        ending.set()

    for key in config.not_applied:
        log.warning("configuration key has no effect here", key=key)
    node = Node(config, context=context, health_port=health_port)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    log.info(
        "node starts",
        version=__version__,
        name=config.kubernetes.node_name,
        namespace=config.kubernetes.namespace,
        databases=[database.label for database in config.databases],
    )
    node.start()
    ending.wait()
    node.stop()
    log.info("node ended")
