"""Starts, follows and removes the pods of one self-test of the walls."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog

from node_poc.cluster.errors import ClusterError
from node_poc.cluster.logs import ContainerLogs
from node_poc.cluster.objects import ClusterObjects
from node_poc.config.model import NodeConfig
from node_poc.isolation.self_test.jobs import build_tester
from node_poc.isolation.self_test.reports import Report, find_addresses, find_report
from node_poc.isolation.self_test.targets import MOST_SECONDS, TEST_SECONDS, Target, plan_of
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity
from node_poc.manifests.volumes import RECURSIVE_READ_ONLY
from node_poc.runs.model import Mount

log = structlog.get_logger(__name__)

_LOG_BYTES = 65_536
_OVER = frozenset({"Succeeded", "Failed"})


@dataclass
class TesterPod:
    """A pod of the self-test.

    Attributes:
        run: its label of the run.
        job: name of its Job.
        targets: what the pod tries, in the order of its report.
        addresses: the pod's addresses, IPv6 ones of its interface included; empty until known.
        report: None until the pod has reported.
        trouble: why there is no report.
        is_over: whether the pod has ended.
        running_since: when the pod was first seen running, in monotonic seconds.
        has_told_addresses: whether the pod has begun to listen and to try.
        shallow_mounts: databases below which other file systems stay writable, by the kubelet.
    """

    run: str
    job: str
    targets: tuple[Target, ...]
    addresses: tuple[str, ...] = ()
    report: Report | None = None
    trouble: str = "the pod was not made"
    is_over: bool = False
    running_since: float | None = None
    has_told_addresses: bool = False
    shallow_mounts: tuple[str, ...] = ()


class TesterPods:
    """The pods of one test. Only the thread of the self-test may use this class."""

    def __init__(
        self,
        config: NodeConfig,
        objects: ClusterObjects,
        logs: ContainerLogs,
        group: int,
        mounts: tuple[Mount, ...] = (),
    ) -> None:
        """``objects`` and ``logs`` use the namespace of ``config``; the rest as in ``jobs.py``."""
        self._mounts = mounts
        self._config = config
        self._objects = objects
        self._logs = logs
        self._group = group
        self._names = Identity(config.kubernetes.node_name)
        self._pods: list[TesterPod] = []
        self._began = round(time.time() * 1000)  # names of another test at the same time differ

    def start(
        self, targets: tuple[Target, ...], stay_seconds: float, *, is_control: bool = False
    ) -> TesterPod:
        """Create the Job of one pod. Raises ClusterError."""
        # All ways are open to the control: it need not wait for their end.
        plan = plan_of(targets, stay_seconds, TEST_SECONDS if is_control else MOST_SECONDS)
        job = self._job(plan, is_control=is_control)
        run = job["metadata"]["labels"][identity.LABEL_RUN]
        pod = TesterPod(run, job["metadata"]["name"], targets)
        self._pods.append(pod)  # before the call: its answer may be lost
        self._objects.create_job(job)
        return pod

    def _job(self, plan: str, *, is_control: bool = False) -> dict[str, Any]:
        number = f"{self._began}{len(self._pods):02d}"
        return build_tester(
            self._config, self._group, number, plan, is_control=is_control, mounts=self._mounts
        )

    def dry_run(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the next pod's Job, and the Job as the API server takes it. Raise ClusterError."""
        job = self._job("")
        return job, self._objects.would_create_job(job)

    def refresh(self) -> None:
        """Look at the pods, and read the logs of those that may have told something new.

        Raises ClusterError.
        """
        runs = [pod.run for pod in self._pods if pod.report is None]
        if not runs:
            return
        listed = self._objects.list_pods(self._names.testers_selector(runs))
        found = {each["metadata"]["labels"][identity.LABEL_RUN]: each for each in listed}
        for pod in self._pods:
            if pod.report is None and pod.run in found:
                _note_status(pod, found[pod.run])
                if _may_have_told(pod):
                    self._read_log(pod, found[pod.run]["metadata"]["name"])

    def _read_log(self, pod: TesterPod, name: str) -> None:
        data = b""
        try:
            for piece in self._logs.read(name, ""):
                data += piece.data
                if len(data) > _LOG_BYTES:
                    break
        except ClusterError as error:
            pod.trouble = f"its log cannot be read (status {error.status})"
            return
        text = data.decode("utf-8", "replace")
        pod.report = find_report(text, len(pod.targets))
        told = find_addresses(text)
        if told is not None and not pod.has_told_addresses:
            pod.has_told_addresses = True
            pod.addresses = tuple(dict.fromkeys((*pod.addresses, *told)))
        if pod.is_over and pod.report is None:
            pod.trouble = "the pod ended without a report"

    def remove(self) -> None:
        """Delete the Jobs of this test. Kubernetes removes by itself what cannot be deleted now."""
        for pod in self._pods:
            self._delete(pod.job)

    def _delete(self, name: str) -> None:
        try:
            self._objects.delete_job(name)
        except ClusterError as error:
            log.info("a Job of the self-test stays until its time is over", error=str(error))


def _may_have_told(pod: TesterPod) -> bool:
    """Whether the log may have the addresses, told at the start, or the report."""
    if pod.running_since is None:
        return pod.is_over
    ran = time.monotonic() - pod.running_since
    return pod.is_over or not pod.has_told_addresses or ran > TEST_SECONDS


def _note_status(pod: TesterPod, found: dict[str, Any]) -> None:
    status = found.get("status") or {}
    told = [str(each["ip"]) for each in status.get("podIPs") or [] if each.get("ip")]
    own = told or [str(status["podIP"])] if status.get("podIP") else told
    pod.addresses = tuple(dict.fromkeys((*own, *pod.addresses)))
    pod.is_over = status.get("phase") in _OVER
    containers = status.get("containerStatuses") or []
    states = [each.get("state") or {} for each in containers]
    pod.shallow_mounts = tuple(_shallow_mounts(found, containers))
    if pod.running_since is None and any("running" in state for state in states):
        pod.running_since = time.monotonic()
    pod.trouble = "; ".join(_reasons(status, states)) or "the pod has not reported in time"


def _shallow_mounts(found: dict[str, Any], statuses: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the mounts that should be read-only with all below, if possible, and are not."""
    containers = (found.get("spec") or {}).get("containers") or []
    wanted = {
        mount["mountPath"]
        for each in containers
        for mount in each.get("volumeMounts") or []
        if mount.get("recursiveReadOnly") == RECURSIVE_READ_ONLY["auto"]
    }
    for each in statuses:
        for mount in each.get("volumeMounts") or []:
            if mount.get("recursiveReadOnly") == "Disabled" and mount["mountPath"] in wanted:
                yield mount["mountPath"]


def _reasons(status: dict[str, Any], states: list[dict[str, Any]]) -> Iterator[str]:
    for state in states:
        waiting = state.get("waiting") or {}
        if waiting.get("reason"):
            yield f"{waiting['reason']} {waiting.get('message', '')}".strip()[:200]
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield str(condition.get("message") or "not scheduled")[:200]
