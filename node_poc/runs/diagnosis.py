"""PURE: what Kubernetes shows of a pod, told as cause, detail and advice.

The words on the left of the tables are Kubernetes' own: container waiting reasons and terminated
reasons of the kubelet (``pkg/kubelet/images/types.go``, ``pkg/kubelet/kuberuntime``), pod reasons
of the kubelet's eviction manager and of the node lifecycle controller. Registry texts are those
of containerd.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from node_poc.runs.model import Failure
from node_poc.runs.observed import PodObservation, Terminated
from node_poc.runs.status import RunStatus

SIGNAL_NAMES = {1: "SIGHUP", 2: "SIGINT", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}


class Patience(StrEnum):
    """How long a waiting pod is waited for; ``config.model.Limits`` has the seconds."""

    ROOM = "room"  # there is no room for it yet
    NONE = "none"  # it cannot get better: end at once
    SHORT = "short"  # it says it cannot get better, and is looked at once more
    LONG = "long"  # it may get better by itself
    START = "start"  # nothing is wrong so far: the pod is on its way


@dataclass(frozen=True)
class Waiting:
    """Why a pod does not run yet, and what its end would be called if that went on too long."""

    patience: Patience
    status: RunStatus
    failure: Failure


_IMAGE_ADVICE = (
    "Check the image's name and tag, that it was pushed, and that this node's registry "
    "credentials may read it."
)
_ABSENT = ("not found", "manifest unknown", "name unknown", "does not exist")
_RATE_LIMITED = ("toomanyrequests", "too many requests", "rate limit")
_REFUSED = ("unauthorized", "forbidden", "access denied", "authentication required")
_ARCHITECTURE = ("no match for platform", "no matching manifest", "exec format error")
_PULL = frozenset({"ErrImagePull", "ImagePullBackOff"})
_NEVER_AN_IMAGE = frozenset({"InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
_CANNOT_START = frozenset(
    {
        "CreateContainerError",
        "CreateContainerConfigError",
        "RunContainerError",
        "PreCreateHookError",
        "PostStartHookError",
    }
)


def diagnose_waiting(pod: PodObservation) -> Waiting | None:
    """Say why a pending pod waits. None when it shows no reason at all."""
    reason, message = pod.waiting_reason, pod.waiting_message
    if reason in _PULL:
        return _diagnose_pull(reason, message)
    if reason in _NEVER_AN_IMAGE:
        failure = Failure(reason, "the image's name cannot be used", _IMAGE_ADVICE, message)
        return Waiting(Patience.NONE, RunStatus.NO_DOCKER_IMAGE, failure)
    if reason in _CANNOT_START:
        detail = "the container cannot be started from this image"
        advice = "Check the image's entrypoint, its user and the folders it needs."
        failure = Failure(reason, detail, advice, message)
        return Waiting(Patience.SHORT, RunStatus.START_FAILED, failure)
    if pod.unschedulable:
        return Waiting(Patience.ROOM, RunStatus.START_FAILED, _unschedulable(pod.unschedulable))
    if reason:
        return Waiting(Patience.START, RunStatus.START_FAILED, _NOT_CREATED)
    return None


_NOT_CREATED = Failure(
    "ContainerNotCreated",
    "its container was not made in time",
    "Ask the site: a database, a volume or the image may not be ready there.",
    "`kubectl describe pod` tells; often the path of a database is not on the cluster node",
)


# The scheduler's words for what lacks (``pkg/scheduler/framework/plugins``), most telling first.
_LACKS = (
    ("Insufficient cpu", "InsufficientCpu", "processor time"),
    ("Insufficient memory", "InsufficientMemory", "memory"),
    ("Insufficient ephemeral-storage", "InsufficientDisk", "disk space"),
    ("gpu", "InsufficientGpu", "a GPU"),
    ("persistentvolumeclaim", "VolumeNotReady", "its volume"),
    ("Too many pods", "TooManyPods", "a free place for a pod"),
)


def _unschedulable(message: str) -> Failure:
    nothing_special = ("", "Unschedulable", "a machine that may run it")
    _, cause, what = next((lack for lack in _LACKS if lack[0] in message), nothing_special)
    advice = "It starts by itself as soon as there is one; ask the site if that takes too long."
    return Failure(cause, f"the data station lacks {what} at the moment", advice, message)


def _diagnose_pull(reason: str, message: str) -> Waiting:
    text = message.lower()
    if any(word in text for word in _ARCHITECTURE):
        cause, patience = "WrongArchitecture", Patience.SHORT
        detail = "the image is not made for the data station's kind of processor"
        advice = "Build the image for that processor as well."
    elif any(word in text for word in _REFUSED):
        cause, patience, advice = "ImageRefused", Patience.SHORT, _IMAGE_ADVICE
        detail = "the registry refuses to give the image to this node"
    elif any(word in text for word in _ABSENT):
        cause, patience, advice = "ImageNotFound", Patience.SHORT, _IMAGE_ADVICE
        detail = "the image was not found in its registry"
    elif any(word in text for word in _RATE_LIMITED):
        cause, patience = "ImageRateLimited", Patience.LONG
        detail = "the registry gives no more images for now; it is tried again"
        advice = "Wait, or use a registry without a limit."
    else:
        cause, patience, advice = "ImagePullError", Patience.LONG, _IMAGE_ADVICE
        detail = "the registry did not give the image; it is tried again"
        if reason == "ImagePullBackOff":  # says only that it waits: the words came before
            cause = reason
    failure = Failure(cause, detail, advice, message)
    return Waiting(patience, RunStatus.NO_DOCKER_IMAGE, failure)


def diagnose_terminated(end: Terminated) -> tuple[RunStatus, Failure | None]:
    """Say how an ended container ended: completed, or crashed and why."""
    if end.exit_code == 0:
        return RunStatus.COMPLETED, None
    if end.reason == "OOMKilled":
        detail = "the algorithm needed more memory than it may have"
        advice = "Let it use less data at a time, or ask the site to raise its memory limit."
        site = "OOMKilled: the limit is kubernetes.resources.memory"
        return RunStatus.CRASHED, Failure("OOMKilled", detail, advice, site)
    if end.reason in {"ContainerCannotRun", "StartError"}:
        detail = "the image's entrypoint or command cannot be executed"
        advice = "Check the image: it fails the same way on any machine."
        return RunStatus.START_FAILED, Failure(end.reason, detail, advice, end.message)
    signal = end.signal or (end.exit_code - 128 if 128 < end.exit_code < 160 else 0)
    if signal:
        name = SIGNAL_NAMES.get(signal, f"signal {signal}")
        advice = "Its log may tell what it was doing."
        return RunStatus.CRASHED, Failure("Signal", f"ended by {name}", advice, end.message)
    advice = "The algorithm reported a failure itself: its log tells why."
    detail = f"exit code {end.exit_code}"
    return RunStatus.CRASHED, Failure("ExitCode", detail, advice, end.message)


_AGAIN = "Post the task again."


def diagnose_failed_pod(pod: PodObservation) -> Failure:
    """Say why a pod failed without its container telling: evicted, node lost, deadline."""
    site = f"{pod.reason}: {pod.message} (on {pod.node_name or 'no cluster node'})"
    if pod.reason == "Evicted":
        return Failure("Evicted", "the data station ran short of disk or memory", _AGAIN, site)
    if pod.reason == "DeadlineExceeded":
        return diagnose_deadline(pod.message)
    if pod.reason in {"NodeLost", "NodeShutdown", "Terminated", "Shutdown"}:
        return Failure("NodeLost", "the machine it ran on went away", _AGAIN, site)
    detail = "Kubernetes ended it without telling the algorithm's own exit"
    return Failure(pod.reason or "PodFailed", detail, "Ask the site what happened.", site)


def diagnose_deadline(message: str) -> Failure:
    """Say that a run took longer than it may."""
    advice = "Let it do less, or ask the site for a longer kubernetes.limits.run_seconds."
    return Failure("DeadlineExceeded", "it took longer than it may", advice, message)


# Reason of the DisruptionTarget condition when a cluster node has been silent for too long
# (``pkg/controller/tainteviction``). Nothing will ever be heard of such a pod again.
NODE_SILENT = "DeletionByTaintManager"
NODE_LOST = Failure(
    "NodeLost",
    "the machine it ran on is lost",
    _AGAIN,
    "the cluster node has been unreachable for kubernetes.limits.node_lost_seconds",
)
_REMOVED = "it was removed at the data station before it had ended"
POD_DELETED = Failure("PodDeleted", _REMOVED, _AGAIN, "somebody or something deleted its pod")
JOB_DELETED = Failure("JobDeleted", _REMOVED, _AGAIN, "somebody or something deleted its Job")
KILLED = Failure("KilledByUser", "it was killed on request", "Post it again if that was a mistake.")


def queued(before: int) -> Failure:
    """Say that a run waits for its turn; ``before`` runs come first."""
    detail = f"the data station has as many runs as it takes at once; {before} wait before this one"
    return Failure("Queued", detail, "It starts by itself.")
