"""PURE: makes a row for each run from Jobs and pods, as the API returns them.

The node's own ``lifecycle.decide`` determines the status of each run, from its Job and pod.
"""

from __future__ import annotations

import time
from typing import Any

from node_poc.cluster.observations import observe_job, observe_pod
from node_poc.cluster.watch import Listed, WatchUpdate
from node_poc.commands.runs_table import RunRow
from node_poc.config.model import Limits
from node_poc.manifests import identity
from node_poc.runs.lifecycle import decide
from node_poc.runs.model import Run
from node_poc.runs.observed import JobObservation, PodObservation
from node_poc.runs.times import parse_time

JOBS, PODS = "jobs", "pods"
Object = dict[str, Any]


class RunsSeen:
    """The Jobs and pods of one node as seen last."""

    def __init__(self, limits: Limits) -> None:
        """``limits`` are the node's limits, which separate waiting from failed runs."""
        self._limits = limits
        self._objects: dict[str, dict[str, Object]] = {JOBS: {}, PODS: {}}

    def update(self, kind: str, seen: WatchUpdate) -> None:
        """Apply a list or a change from a watch; ``kind`` is ``JOBS`` or ``PODS``."""
        objects = self._objects[kind]
        if isinstance(seen, Listed):
            self._objects[kind] = {_name(made): made for made in seen.objects}
        elif seen.gone:
            objects.pop(_name(seen.object), None)
        else:
            objects[_name(seen.object)] = seen.object

    def rows(self) -> list[RunRow]:
        """Return a row for each run, newest first."""
        jobs, pods = _by_run(self._objects[JOBS]), _by_run(self._objects[PODS])
        now = time.monotonic()
        rows = [
            make_row(run_id, jobs.get(run_id), pods.get(run_id), now, self._limits)
            for run_id in jobs.keys() | pods.keys()
        ]
        return sorted(rows, key=lambda row: (row.created_at or 0.0, row.run_id), reverse=True)


def _name(made: Object) -> str:
    return str(made["metadata"]["name"])


def _created(made: Object) -> str:
    return made["metadata"].get("creationTimestamp") or ""


def _by_run(objects: dict[str, Object]) -> dict[int, Object]:
    """Return the newest object of each run."""
    found: dict[int, Object] = {}
    for made in sorted(objects.values(), key=_created):
        run_id = identity.run_id_of(made["metadata"].get("labels") or {})
        if run_id is not None:
            found[run_id] = made
    return found


def make_row(
    run_id: int, job: Object | None, pod: Object | None, now: float, limits: Limits
) -> RunRow:
    """Return the row of a run from its Job and pod; the Job or the pod may be missing.

    Args:
        run_id: the run.
        job: the run's Job as the API returns the object.
        pod: the run's pod as the API returns the object.
        now: monotonic seconds; a wait for a passing trouble counts as having begun ``now``.
        limits: the node's limits.
    """
    newest = job or pod or {"metadata": {}}
    created_at = parse_time(newest["metadata"].get("creationTimestamp"))
    job_seen = observe_job(job) if job else None
    pod_seen = observe_pod(pod) if pod else None
    run = _judge(run_id, created_at, job_seen, pod_seen, now, limits)
    end = pod_seen.terminated if pod_seen else None
    started_at = end.started_at if end else pod_seen.running_since if pod_seen else None
    if started_at is not None and started_at <= 0:  # Kubernetes' value for "never started"
        started_at = None
    ended_at = end.ended_at if end else _job_ended_at(job) if run.has_ended else None
    return RunRow(
        run_id=run_id,
        status=run.status,
        created_at=created_at,
        started_at=started_at,
        ended_at=ended_at,
        exit_code=end.exit_code if end else run.exit_code,
        pod=pod_seen.pod_name if pod_seen else "",
        cluster_node=pod_seen.node_name if pod_seen else "",
        image=(newest["metadata"].get("annotations") or {}).get(identity.ANNOTATION_IMAGE, ""),
        failure=run.failure,
        delivered=job_seen is not None and job_seen.delivered,
    )


def _judge(
    run_id: int,
    created_at: float | None,
    job: JobObservation | None,
    pod: PodObservation | None,
    now: float,
    limits: Limits,
) -> Run:
    """Return the run's state by the node's own rules."""
    run = Run(run_id, digest="", received_at=created_at or 0.0)
    # A missing pod means nothing while the Job is active, and the run's end when the Job is over.
    nothing = PodObservation(run_id, "", "", gone=True)
    over = job is not None and (job.succeeded or bool(job.failed_reason))
    for seen in (job, pod or (nothing if over else None)):
        if seen is not None:
            run, _ = decide(run, seen, now, limits)
    return run


def _job_ended_at(job: Object | None) -> float | None:
    for condition in ((job or {}).get("status") or {}).get("conditions") or []:
        if condition.get("type") in {"Complete", "Failed"} and condition.get("status") == "True":
            return parse_time(condition.get("lastTransitionTime"))
    return None
