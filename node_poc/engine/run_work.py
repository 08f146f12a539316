"""What is done for one run: its folders, its Job, its log, its result.

The engine decides what is done when, and lets the threads of its pool do it. Whoever wants
something of the node asks ``container_manager.ContainerManager`` instead.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from node_poc.cluster.addresses import Addresses
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.observations import observe_pod
from node_poc.config.model import NodeConfig
from node_poc.engine.disk_watch import DiskWatch
from node_poc.engine.event_reader import EventReader
from node_poc.engine.log_keeper import LogKeeper
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity
from node_poc.manifests.job import build_job
from node_poc.manifests.volumes import sub_path
from node_poc.runs import ends
from node_poc.runs.event_diagnosis import diagnose_refused_job
from node_poc.runs.model import Failure, Run, RunResult, RunSpec
from node_poc.runs.observed import EventsSeen, PodObservation
from node_poc.runs.status import RunStatus
from node_poc.storage.folders import make_run_folders, make_shared_folder, task_dir_mounts
from node_poc.storage.inputs import remove_inputs
from node_poc.storage.listing import list_once
from node_poc.storage.past import PastRecords
from node_poc.storage.records import Records, RunRecord
from node_poc.storage.run_log import RunLogReader

log = structlog.get_logger(__name__)

_PROXY_ADDRESS_SECONDS = 60.0
# The end of a log is there when its container has ended; more is for a cluster that is slow.
_LOG_SECONDS = 60.0
# How runs end whose container has run; others have written nothing.
_MAY_TAKE_TOO_MUCH = frozenset({RunStatus.COMPLETED, RunStatus.CRASHED, RunStatus.FAILED})


class RunWork:
    """Turns runs into Jobs and what they left into results. Safe to use from several threads."""

    def __init__(
        self,
        config: NodeConfig,
        objects: ClusterObjects,
        records: Records,
        past: PastRecords,
        keeper: LogKeeper,
        disk: DiskWatch,
    ) -> None:
        """``objects`` works in the namespace of ``config``, the others in its task_dir."""
        self._config = config
        self._objects = objects
        self._records = records
        self._past = past
        self._keeper = keeper
        self._disk = disk
        self._task_dir = Path(config.task_dir)
        self._identity = Identity(config.kubernetes.node_name)
        self._event_reader = EventReader(objects, self._identity)
        self._proxy_address: str | None = None
        self._proxy_asked_at = float("-inf")
        self._addresses = Addresses()

    def prepare(self, record: RunRecord) -> RunRecord:
        """Write a run's folders, files and record, so that it survives a restart.

        Returns:
            the record without what is now in files.

        Raises:
            StorageError: something could not be written; nothing was started.
        """
        spec = record.spec
        for name in spec.volumes:
            self.create_volume(name)
            self._past.use_volume(name, spec.run_id)
        mounts = {mount: sub_path(mount, spec.run_id) for mount in task_dir_mounts(spec)}
        make_run_folders(self._task_dir, spec, mounts)
        self._records.write_run(record)
        return replace(record, spec=spec.without_contents())

    def create_volume(self, name: str) -> None:
        """Make a folder that runs share; one that is there is fine. Raises StorageError."""
        make_shared_folder(self._task_dir, name)

    def run(self, record: RunRecord, wanted: Callable[[], bool]) -> float:
        """Create the run's Job and return at once; it is followed by a watch.

        It is tried again only while it is ``wanted``: not yet seen, nor ended.

        Creating a Job that is there already is fine: a run id has one Job.

        Returns:
            when the Job was created, in seconds since the epoch.

        Raises:
            ClusterError: Kubernetes did not take the Job, now and after retries.
        """
        address = self._find_proxy()
        if address is None:
            service = self._config.kubernetes.proxy.service
            log.warning("no proxy: its Service has no address", service=service)
        hosts = self._find_services(record.spec)
        job = build_job(record.spec, self._config, address, os.getgid(), hosts)
        identity.mark_content(job, record.digest)
        created = self._objects.create_job(job, wanted)
        if not created:
            self._check_content(record)
        log.info("job created", run_id=record.spec.run_id, new=created)
        return time.time()

    def _check_content(self, record: RunRecord) -> None:
        """Remove the Job of a former run of this number. Raises ClusterError if there was one."""
        run_id = record.spec.run_id
        for job in self._objects.list_jobs(self._identity.run_selector(run_id)):
            if identity.content_of(job["metadata"]) not in {"", record.digest}:
                self.remove(run_id)
                told = "the Job of a former run of this number has to go first"
                raise ClusterError(f"create Job of run {run_id}", 0, "AlreadyExists", told)

    def clear(self, run_id: int) -> bool:
        """Remove the Job of a run that is over; whether it and its pods are gone.

        Raises ClusterError.
        """
        self.remove(run_id)
        selector = self._identity.run_selector(run_id)
        return not self._objects.list_jobs(selector) and not self._objects.list_pods(selector)

    def remember(self, record: RunRecord) -> None:
        """Write a run's record as it is now. Raises StorageError."""
        self._records.update_run(record)

    def _find_proxy(self) -> str | None:
        """The proxy Service's address. It does not change while the Service lives."""
        age = time.monotonic() - self._proxy_asked_at
        if self._proxy_address is None or age > _PROXY_ADDRESS_SECONDS:
            self._proxy_address = self._objects.service_address(
                self._config.kubernetes.proxy.service
            )
            self._proxy_asked_at = time.monotonic()
        return self._proxy_address

    def _find_services(self, spec: RunSpec) -> dict[str, str]:
        """Addresses of the named hosts of databases that a run asks for."""
        found = {}
        for label in spec.services:
            database = self._config.database(label)
            service = self._config.service(database) if database else None
            if service is None or service.address:
                continue
            egress = self._config.kubernetes.databases_egress.get(label)
            told = egress.address if egress else None
            if address := told or self._addresses.of(service.host):
                found[service.host] = address
        return found

    def get_result(self, run: Run, spec: RunSpec, *, insist: bool = True) -> RunResult:
        """Read what an ended run left, and make it safe on disk.

        Then its token and input are removed, and nothing else. ``insist``: on the whole log.

        Raises:
            ClusterError: the log cannot be read now; call again.
            StorageError: the result could not be written.
        """
        text, truncated = self._keep_log(run, insist=insist)
        limit = self._config.kubernetes.output_files_listed
        folder = self._records.folder(run.run_id)
        output, more = list_once(folder, spec.output_folder, limit)
        status, failure = self._judge(run, spec)
        result = RunResult(
            run_id=run.run_id,
            status=status,
            exit_code=run.exit_code,
            log=text,
            log_truncated=truncated,
            output=output,
            output_truncated=more,
            failure=failure,
            received_at=run.received_at,
            job_created_at=run.job_created_at,
            started_at=run.started_at,
            ended_at=run.ended_at or time.time(),
        )
        self._records.write_result(result)
        remove_inputs(folder, spec)
        return result

    def _judge(self, run: Run, spec: RunSpec) -> tuple[RunStatus, Failure | None]:
        """How the run ended, after a look at how much of the disk it took."""
        self._disk.forget(run.run_id)
        told = run.failure.cause if run.failure else ""
        if run.status in _MAY_TAKE_TOO_MUCH and told != "DiskLimitExceeded":
            passed = self._disk.check(spec)
            if passed is not None:
                return RunStatus.CRASHED, passed
        return run.status, run.failure

    def follow(self, run: Run) -> None:
        """Keep the run's log and look at what it writes, from now on; returns at once."""
        self._keeper.follow(run.run_id, run.pod_name)
        self._disk.follow(run.run_id)

    def let_go_of_logs(self) -> None:
        """Take no more of any log; all are read on at the next start where they are now."""
        self._keeper.stop()

    def _keep_log(self, run: Run, *, insist: bool) -> tuple[str, bool]:
        """Take the rest of the log; return its end as text, and whether there is more of it.

        A log that cannot be read, because the machine it lies on is gone, is insisted on for a
        while only: a result without the end of its log is better than none.
        """
        whole = True
        if run.failure == ends.NODE_LOST:
            self._keeper.give_up(run.run_id, run.pod_name)
            whole = False
        elif run.pod_name:
            try:
                whole = self._keeper.complete(run.run_id, run.pod_name, _LOG_SECONDS)
            except ClusterError as error:
                if insist:
                    raise
                log.warning("log given up", run_id=run.run_id, error=str(error))
                self._keeper.give_up(run.run_id, run.pod_name)
                whole = False
        limit = self._config.kubernetes.log_tail_kilobytes * 1024
        tail, more = RunLogReader(self._records.folder(run.run_id)).tail(limit)
        return tail.decode("utf-8", "replace"), more or not whole

    def remove(self, run_id: int) -> None:
        """Remove a run's Job and pods, now. Raises ClusterError."""
        self._objects.delete_job(self._identity.job_name(run_id))

    def find_pod(self, run_id: int) -> PodObservation:
        """Look at the run's pod now; ``gone`` if there is none. Raises ClusterError."""
        found = map(observe_pod, self._objects.list_pods(self._identity.run_selector(run_id)))
        nothing = PodObservation(run_id, "", "", gone=True)
        return next((pod for pod in found if pod is not None), nothing)

    def find_events(self, runs: Sequence[Run]) -> list[EventsSeen]:
        """Return what Kubernetes told of each run; see ``EventReader``. Raises ClusterError."""
        return self._event_reader.read(runs)

    def finish(self, run_id: int) -> None:
        """Note that the server has the result; Kubernetes removes the Job after the keep time.

        A Job whose container never ended is removed at once: it could still start one.

        Raises:
            ClusterError: the Job could not be marked; call again.
            StorageError: the result is not readable.
        """
        if self._records.is_open(run_id):
            return  # the number is another run's by now
        result = self._records.read_result(run_id)
        # Without a result the run's folder was removed while the cluster was away.
        never_ended = result.exit_code is None if result else not self._records.has_run(run_id)
        if never_ended:
            self.remove(run_id)
            return
        marks = {
            identity.ANNOTATION_DELIVERED: "true",
            identity.ANNOTATION_DELIVERED_AT: str(int(time.time())),
        }
        patch = {
            "metadata": {"annotations": marks},
            "spec": {"ttlSecondsAfterFinished": self._config.kubernetes.keep_finished_seconds},
        }
        self._objects.patch_job(self._identity.job_name(run_id), patch)


def refused_by(error: Exception) -> Failure:
    """Tell why a run's Job could not be made, as data."""
    if isinstance(error, ClusterError):
        known = diagnose_refused_job(str(error))
        if known is not None:
            return known.failure
        detail = "Kubernetes at the data station does not take the run"
        advice = "Ask the site: its rights, quotas or admission rules forbid it."
        return Failure(error.reason or "ClusterError", detail, advice, str(error))
    advice = "Tell the site: its node's log has more."
    return Failure("InternalError", "the node failed on this run", advice, repr(error))
