"""The rest of a cluster: makes pods for Jobs, and changes them as the test asks."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from typing import Any

from tests.fakes.kube_store import KINDS, NotThere, Object, Store, now_text

RUN_LABEL = "vantage6.ai/run-id"


class Kubelet:
    """Job controller, scheduler and kubelet in one, driven by the test or by ``on_pod``.

    Unless the test does something, a Job gets a pod, and the pod stays Pending.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names: dict[tuple[str, int], str] = {}  # by kind and run: a search takes too long
        store.on_create = self._on_create
        store.on_delete = self._on_delete
        self.makes_pods = True
        # Called with the run id when a pod exists, in the thread that made the Job.
        self.on_pod: Callable[[int], None] = lambda _run_id: None
        self.logs: dict[str, bytes] = {}
        self.containers_started: list[int] = []
        self._told = 0

    # --- the Job controller

    def _on_create(self, kind: str, made: Object) -> None:
        if RUN_LABEL in (made["metadata"].get("labels") or {}):
            self._names[kind, _run_id(made)] = _name(made)
        if kind == "jobs" and self.makes_pods:
            run_id = self.make_pod(made)
            self.on_pod(run_id)

    def _on_delete(self, kind: str, gone: Object) -> None:
        if kind != "jobs":
            return
        name = self._names.get(("pods", _run_id(gone)), "")
        if name.startswith(_name(gone)):
            with contextlib.suppress(NotThere):
                self._store.delete("pods", name)

    def make_pod(self, job: Object) -> int:
        """Make the pod of a Job; return the run's id."""
        template = job["spec"]["template"]
        labels = {**template["metadata"]["labels"], "batch.kubernetes.io/job-name": _name(job)}
        owner = {"apiVersion": "batch/v1", "kind": KINDS["jobs"], "name": _name(job)}
        metadata = {
            "name": f"{_name(job)}-{uuid.uuid4().hex[:5]}",
            "labels": labels,
            "annotations": dict(template["metadata"].get("annotations") or {}),
            "ownerReferences": [owner | {"uid": job["metadata"]["uid"], "controller": True}],
        }
        pod = {"metadata": metadata, "spec": template["spec"], "status": {"phase": "Pending"}}
        self._store.create("pods", pod)
        return _run_id(pod)

    def job_of(self, run_id: int) -> Object:
        """Return the Job of a run. Raise NotThere if there is none."""
        return self._only("jobs", run_id)

    def pod_of(self, run_id: int) -> Object:
        """Return the pod of a run. Raise NotThere if there is none."""
        return self._only("pods", run_id)

    def _only(self, kind: str, run_id: int) -> Object:
        try:
            return self._store.get(kind, self._names[kind, run_id])
        except KeyError:
            raise NotThere(f"{kind} of run {run_id}") from None

    # --- the scheduler and the kubelet

    def unschedulable(self, run_id: int, message: str) -> None:
        """Mark the pod unschedulable."""
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
        self._set(run_id, "Pending", None, conditions=[condition | {"message": message}])

    def waits(self, run_id: int, reason: str, message: str = "") -> None:
        """Let the container wait, for example with ErrImagePull."""
        self._set(run_id, "Pending", {"waiting": {"reason": reason, "message": message}})

    def starts(self, run_id: int) -> None:
        """Let the container run."""
        self.containers_started.append(run_id)
        self._set(run_id, "Running", {"running": {"startedAt": now_text()}})

    def says(self, run_id: int, log: bytes) -> None:
        """Set the container's log so far; whole lines."""
        self.logs[_name(self.pod_of(run_id))] = log

    def ends(self, run_id: int, exit_code: int = 0, log: bytes = b"", **details: Any) -> None:
        """End the container, and then set the Job's status, as in a real cluster."""
        if run_id not in self.containers_started:
            self.containers_started.append(run_id)
        self.logs[_name(self.pod_of(run_id))] = log
        ended = {
            "exitCode": exit_code,
            "reason": "Error" if exit_code else "Completed",
            "startedAt": now_text(),
            "finishedAt": now_text(),
        }
        phase = "Failed" if exit_code else "Succeeded"
        self._set(run_id, phase, {"terminated": ended | details})
        self.finish_job(run_id, failed="BackoffLimitExceeded" if exit_code else "")

    def evicts(self, run_id: int, message: str) -> None:
        """Fail the pod without a container status."""
        self._set(run_id, "Failed", None, reason="Evicted", message=message)
        self.finish_job(run_id, failed="BackoffLimitExceeded")

    def finish_job(self, run_id: int, failed: str = "", message: str = "") -> None:
        """Set the Job's final condition; ``failed`` is the reason, empty if the Job is complete."""
        condition = {"type": "Failed" if failed else "Complete", "status": "True"}
        condition |= {"reason": failed or "CompletionsReached", "message": message}

        def change(job: Object) -> None:
            job["status"] = {"conditions": [condition]}

        self._store.change("jobs", _name(self.job_of(run_id)), change)

    def tells(self, run_id: int, reason: str, message: str, kind: str = "pods") -> None:
        """Add an Event about a run's pod or Job; the last Event added is the newest."""
        about = {"kind": KINDS[kind], "name": _name(self._only(kind, run_id))}
        self._told += 1
        at = f"2026-01-01T00:00:{self._told:02d}Z"
        event = {"reason": reason, "message": message, "lastTimestamp": at}
        metadata = {"name": f"event-{self._told}"}
        self._store.create("events", {"metadata": metadata, "involvedObject": about, **event})

    def deletes_pod(self, run_id: int) -> None:
        """Delete the pod, as a person might."""
        self._store.delete("pods", _name(self.pod_of(run_id)))

    def deletes_job(self, run_id: int) -> None:
        """Delete the Job and its pod, as a person might."""
        self._store.delete("jobs", _name(self.job_of(run_id)))

    def _set(self, run_id: int, phase: str, state: dict[str, Any] | None, **status: Any) -> None:
        def change(pod: Object) -> None:
            container = {"name": pod["spec"]["containers"][0]["name"], "state": state or {}}
            pod["status"] = {"phase": phase, **status}
            if state is not None:
                pod["status"]["containerStatuses"] = [container]
                pod["spec"] = {**pod["spec"], "nodeName": "fake-node"}

        self._store.change("pods", _name(self.pod_of(run_id)), change)


def _run_id(made: Object) -> int:
    return int(made["metadata"]["labels"][RUN_LABEL])


def _name(made: Object) -> str:
    return str(made["metadata"]["name"])
