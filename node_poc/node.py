"""The composition root: configuration → objects → threads → wait for the end. Contains no rules."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from types import FrameType

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from node_poc import __version__
from node_poc.cluster.connect import KubernetesApi, connect
from node_poc.cluster.job_policy_check import JobPolicyCheck
from node_poc.cluster.lease import NodeLease
from node_poc.cluster.logs import ContainerLogs
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.watch import Watcher
from node_poc.config.model import NodeConfig
from node_poc.container_manager import ContainerManager
from node_poc.engine.assembly import make_engine
from node_poc.engine.delivery import Delivery
from node_poc.engine.disk_watch import DiskWatch
from node_poc.engine.inbox import Inbox
from node_poc.engine.janitor import Janitor
from node_poc.engine.log_keeper import LogKeeper
from node_poc.engine.messages import Delivered, HoldChanged, JobsSeen, PodsSeen
from node_poc.engine.run_jobs import RunJobs
from node_poc.engine.run_work import RunWork
from node_poc.isolation.job_policy import sample_job
from node_poc.manifests.identity import CONTAINER, Identity
from node_poc.node_audit import NodeAudit
from node_poc.node_walls import NodeWalls
from node_poc.observe.health import Checks, HealthServer
from node_poc.protocol.adapter import load_adapter
from node_poc.registry.settle import image_settler
from node_poc.runs.cautions import cautions
from node_poc.runs.holds import Hold
from node_poc.runs.observed import DiskLimitExceeded
from node_poc.runs.ports import Server
from node_poc.storage.past import PastRecords
from node_poc.storage.places import misplaced_files
from node_poc.storage.private_key import organization_key
from node_poc.storage.records import Records, StorageError

log = structlog.get_logger(__name__)

# The engine renews its ``beat`` at least every 20 s; without a beat for this time it is stuck.
_STUCK_SECONDS = 60.0
_DELIVER_SECONDS = 4.0
# Linux may hand a signal to any thread. Python runs the handler in the main thread, and only when
# this thread wakes up: a wait without end could sleep through SIGTERM until the kubelet kills.
_SIGNAL_SECONDS = 0.5
_ENGINE_SECONDS = 2.0
_LEASE_SECONDS = 1.0


class Node:
    """All parts of a running node."""

    def __init__(
        self,
        config: NodeConfig,
        private_key: RSAPrivateKey | None,
        ending: threading.Event,
        *,
        context: str | None,
        health_port: int,
    ) -> None:
        """Connect the parts; nothing runs before ``start``.

        Args:
            config: the whole configuration.
            private_key: the organization's private key, if ``encryption.enabled``.
            ending: set by the caller or by the node itself when the node must end.
            context: the kubeconfig context, used only outside a pod.
            health_port: the port of ``/healthz`` and ``/readyz``; 0 takes a free port.

        Raises:
            NoClusterError: there is no cluster to connect to.
            StorageError: ``task_dir`` cannot be used.
            OSError: the health port is taken.
        """
        for misplaced in misplaced_files(config):
            raise StorageError(misplaced)
        records = Records(Path(config.task_dir))
        records.prepare()
        settings = config.kubernetes
        past = PastRecords(Path(config.task_dir), settings.keep_folders_seconds)
        past.prepare()
        # A connection for each followed log, and some for all other requests.
        api = connect(context, pool_size=settings.runs_in_flight + 16)
        objects = ClusterObjects(api, settings.namespace)
        half = settings.log_kept_kilobytes * 512
        logs = ContainerLogs(api, objects.pods_path, CONTAINER)
        keeper = LogKeeper(logs, records.folder, half, half)
        inbox = Inbox()
        self._disk = _make_disk_watch(config, records, inbox)
        self._walls = NodeWalls(config, api, objects, inbox, lambda: self._health.port)
        self._audit = NodeAudit(config, self._walls.watch, self._walls.proof)
        settle, notes = image_settler(config), self._audit.notes
        jobs = RunJobs(config, objects, self._walls.is_gated, settle, notes, self._walls.protected)
        work = RunWork(config, jobs, records, past, keeper, self._disk)
        self._janitor = Janitor(past, records, inbox.post)
        self._manager = ContainerManager(config, work, inbox.post, records, past)
        self._server = self._make_server(config, private_key)
        self._lease = NodeLease(api, settings.namespace, settings.node_name, self._on_lease_lost)
        self._job_policy = JobPolicyCheck(objects.would_create_job, sample_job(config, os.getgid()))
        self._ending = ending
        self.failed = self._working = self._lease_lost = False
        self._delivery = Delivery(self._server, lambda run_id: inbox.post(Delivered(run_id)))
        self._engine = make_engine(config, inbox, work, records, past, self._delivery)
        self._watchers = _make_watchers(api, objects, settings.node_name, inbox)
        self._health = HealthServer(health_port, self._checks())

    def _make_server(self, config: NodeConfig, key: RSAPrivateKey | None) -> Server:
        adapter = load_adapter(config.kind)
        return adapter.make_server(config, self._manager, private_key=key, on_fatal=self._on_fatal)

    def _checks(self) -> Checks:
        return Checks(self._is_alive, self._is_ready, self._remarks)

    def _remarks(self) -> list[str]:
        """Return the reasons why the node is not ready, or is ready but starts no runs."""
        found = []
        if not self._working or not self._is_alive():
            found.append("the engine waits for the Lease, or is stuck")
        if not self._engine.knows_the_cluster:
            found.append("the Jobs of this node are not known yet")
        if not self._server.is_connected:
            found.append("the server is not connected")
        if shortage := self._disk.shortage:
            found.append(f"no run is started: {shortage.site_detail}")
        found += self._walls.remarks
        if remark := self._audit.remark:
            found.append(remark)
        return found

    def _is_alive(self) -> bool:
        waits_for_lease = not self._working
        return waits_for_lease or time.monotonic() - self._engine.beat < _STUCK_SECONDS

    def _is_at_work(self) -> bool:
        engine = self._engine
        return self._is_alive() and engine.knows_the_cluster and self._server.is_connected

    def _is_ready(self) -> bool:
        return self._is_at_work() and not self._walls.holds_runs

    def _on_lease_lost(self, reason: str) -> None:
        log.error("the Lease is lost: another node may work; this one ends", reason=reason)
        self._lease_lost = True
        self._fail()

    def _on_fatal(self, reason: str) -> None:
        log.error("the node cannot work with this server; it ends", reason=reason)
        self._fail()

    def _fail(self) -> None:
        self.failed = True
        self._ending.set()

    def start(self) -> None:
        """Wait for the Lease, until no other node of the same name works; then start all threads.

        If ``ending`` is set first, return with only the health server started.
        """
        self._health.start()
        if not self._lease.acquire(self._ending):
            return
        self._audit.start(self._lease)
        self._delivery.start()
        self._disk.start()
        self._walls.start()
        self._engine.start()
        self._working = True
        if secrets := self._manager.login_to_registries():
            log.info("images are pulled with Secrets", names=secrets)
        self._janitor.start()
        for watcher in self._watchers:
            watcher.start()
        self._server.start()
        self._job_policy.start()

    def stop(self) -> None:
        """Deliver pending results and end. Jobs keep running; the node's next start adopts them."""
        if self._working:
            self._stop_work()
            self._audit.stop(failed=self.failed, lease_lost=self._lease_lost)
        self._lease.stop(_LEASE_SECONDS)
        self._health.stop()

    def _stop_work(self) -> None:
        if self._lease_lost:  # another node may be delivering now
            self._delivery.abandon()
            self._server.stop()
        self._job_policy.stop()
        for watcher in self._watchers:
            watcher.stop()
        self._janitor.stop()
        self._walls.stop()
        self._disk.stop()
        self._engine.stop(_ENGINE_SECONDS)
        self._manager.cleanup()
        if not self._lease_lost:
            self._delivery.stop(_DELIVER_SECONDS)
            self._server.stop()


def _make_disk_watch(config: NodeConfig, records: Records, inbox: Inbox) -> DiskWatch:
    return DiskWatch(
        config,
        records,
        lambda run_id, failure: inbox.post(DiskLimitExceeded(run_id, failure)),
        lambda shortage: inbox.post(HoldChanged(Hold.DISK, shortage)),
    )


def _make_watchers(
    api: KubernetesApi, objects: ClusterObjects, node_name: str, inbox: Inbox
) -> list[Watcher]:
    selector = Identity(node_name).selector
    return [
        Watcher(api, objects.jobs_path, selector, lambda s: inbox.post(JobsSeen(s))),
        Watcher(api, objects.pods_path, selector, lambda s: inbox.post(PodsSeen(s))),
    ]


def run_node(config: NodeConfig, folder: Path, *, context: str | None, health_port: int) -> bool:
    """Run a node until SIGTERM, Ctrl-C or a failure; return False after a failure.

    Args:
        config: the whole configuration.
        folder: the folder of the configuration file.
        context: see ``Node``.
        health_port: see ``Node``.

    Raises:
        PrivateKeyError: the organization's private key cannot be used.
        NoClusterError, StorageError, OSError: see ``Node``.
    """
    private_key = organization_key(config, folder)
    ending = threading.Event()

    def end(number: int, _: FrameType | None) -> None:
        log.info("ending", signal=signal.Signals(number).name)
        ending.set()

    for item in config.not_applied:
        log.warning("configuration key has no effect here", key=item.key, reason=item.reason)
    for doubt in cautions(config):
        log.warning("configuration is in doubt", doubt=doubt)
    node = Node(config, private_key, ending, context=context, health_port=health_port)
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
    while not ending.wait(_SIGNAL_SECONDS):
        pass
    node.stop()
    log.info("node ended")
    return not node.failed
