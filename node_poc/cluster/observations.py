"""PURE: turn API objects (plain JSON) into observations, the form that the core works with."""

from __future__ import annotations

from typing import Any

from node_poc.manifests import identity
from node_poc.runs.digits import number_or_none
from node_poc.runs.observed import ClusterEvent, JobObservation, PodObservation, Terminated
from node_poc.runs.times import event_time, parse_time

_RUNNING = "running"
_ABOUT_TO_START = frozenset({"PodInitializing", "ContainerCreating"})


def observe_pod(
    pod: dict[str, Any], *, gone: bool = False, seen_at: float | None = None
) -> PodObservation | None:
    """Return the observation of a pod; None if the pod belongs to no run.

    Args:
        pod: the pod's API object.
        gone: whether the pod was deleted; ``pod`` is then its last state.
        seen_at: when a watch reported this state; None for an object from a list.
    """
    run_id = identity.run_id_of(pod["metadata"].get("labels") or {})
    if run_id is None:
        return None
    metadata, status = pod["metadata"], pod.get("status") or {}
    container = _state_of(identity.CONTAINER, status.get("containerStatuses"))
    gate = _state_of(identity.GATE, status.get("initContainerStatuses"))
    waiting = container.get("waiting") or {}
    running = container.get(_RUNNING) or {}
    return PodObservation(
        run_id=run_id,
        pod_name=metadata["name"],
        phase=status.get("phase", ""),
        node_name=(pod.get("spec") or {}).get("nodeName", ""),
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        unschedulable=_unschedulable(status),
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        running_since=parse_time(running.get("startedAt")),
        terminated=_terminated(container.get("terminated")),
        disruption=_disruption(status),
        created_at=parse_time(metadata.get("creationTimestamp")),
        deleted_at=_deleted_at(metadata),
        gone=gone,
        content=identity.content_of(metadata),
        seen_at=seen_at,
        gate_waiting=_trouble(gate.get("waiting") or {}),
        gate_end=_terminated(gate.get("terminated")),
    )


def _deleted_at(metadata: dict[str, Any]) -> float | None:
    """Return when the deletion was requested.

    Kubernetes records the end of the grace period, not the time of the request.
    """
    over_at = parse_time(metadata.get("deletionTimestamp"))
    return None if over_at is None else over_at - (metadata.get("deletionGracePeriodSeconds") or 0)


def _state_of(name: str, containers: list[dict[str, Any]] | None) -> dict[str, Any]:
    for container in containers or []:
        if container.get("name") == name:
            return container.get("state") or {}
    return {}


def _trouble(waiting: dict[str, Any]) -> str:
    """Return why a container waits; empty if the container is only about to start."""
    reason = waiting.get("reason", "")
    if reason in _ABOUT_TO_START:
        return ""
    return ": ".join(part for part in (reason, waiting.get("message", "")) if part)


def _terminated(state: dict[str, Any] | None) -> Terminated | None:
    if state is None:
        return None
    return Terminated(
        exit_code=int(state.get("exitCode", 0)),
        reason=state.get("reason", ""),
        message=state.get("message", ""),
        signal=int(state.get("signal", 0)),
        started_at=parse_time(state.get("startedAt")),
        ended_at=parse_time(state.get("finishedAt")),
    )


def _unschedulable(status: dict[str, Any]) -> str:
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("message") or condition.get("reason") or "not scheduled")
    return ""


def _disruption(status: dict[str, Any]) -> str:
    """Return the reason of the DisruptionTarget condition: why Kubernetes will remove the pod."""
    for condition in status.get("conditions") or []:
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return str(condition.get("reason", ""))
    return ""


def observe_job(job: dict[str, Any], *, gone: bool = False) -> JobObservation | None:
    """Return the observation of a Job; None if the Job belongs to no run."""
    metadata = job["metadata"]
    run_id = identity.run_id_of(metadata.get("labels") or {})
    if run_id is None:
        return None
    conditions = {
        condition.get("type"): condition
        for condition in (job.get("status") or {}).get("conditions") or []
        if condition.get("status") == "True"
    }
    failed = conditions.get("Failed") or _overdue(conditions)
    annotations = metadata.get("annotations") or {}
    return JobObservation(
        run_id=run_id,
        created_at=parse_time(metadata.get("creationTimestamp")),
        succeeded="Complete" in conditions,
        failed_reason=failed.get("reason", ""),
        failed_message=failed.get("message", ""),
        delivered=identity.is_delivered(metadata),
        delivered_at=_seconds(annotations.get(identity.ANNOTATION_DELIVERED_AT)),
        # With foreground deletion the Job stays until its pods are gone.
        gone=gone or bool(metadata.get("deletionTimestamp")),
        suspended=bool((job.get("spec") or {}).get("suspend")),
        content=identity.content_of(metadata),
    )


def _seconds(text: str | None) -> float | None:
    """Parse seconds since the epoch as the node writes them; return None for any other text."""
    number = number_or_none(text)
    return None if number is None else float(number)


def _overdue(conditions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the condition of a Job that passed its deadline while Kubernetes ends its pod."""
    target = conditions.get("FailureTarget") or {}
    return target if target.get("reason") == "DeadlineExceeded" else {}


def observe_events(events: list[dict[str, Any]]) -> tuple[ClusterEvent, ...]:
    """Return the Events of one object, oldest first."""
    return tuple(
        ClusterEvent(event.get("reason") or "", event.get("message") or "")
        for event in sorted(events, key=event_time)
    )
