"""PURE: what Kubernetes shows of a pod, told as cause, detail and advice.

The words on the left of the tables are Kubernetes' own: container waiting reasons and terminated
reasons of the kubelet (``pkg/kubelet/images/types.go``, ``pkg/kubelet/kuberuntime``), pod reasons
of the kubelet's eviction manager and of the node lifecycle controller. Registry texts are those
of containerd.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from node_poc.runs.model import Failure, PodObservation, Terminated
from node_poc.runs.status import RunStatus

SIGNAL_NAMES = {1: "SIGHUP", 2: "SIGINT", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}


class Patience(StrEnum):
    """How long a waiting container is waited for; each value but the ends has a limit in config."""

    NONE = "none"  # it cannot get better: end at once
    SHORT = "short"  # it says it cannot get better, and is looked at once more
    LONG = "long"  # it may get better by itself
    NORMAL = "normal"  # nothing is wrong: the pod is on its way


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
        failure = Failure(reason, message, "Correct the image's name: " + _IMAGE_ADVICE)
        return Waiting(Patience.NONE, RunStatus.NO_DOCKER_IMAGE, failure)
    if reason in _CANNOT_START:
        advice = (
            "The container could not be started. Check the image's entrypoint, its user and "
            "the folders it needs; the site's manager sees more with `kubectl describe pod`."
        )
        return Waiting(Patience.SHORT, RunStatus.START_FAILED, Failure(reason, message, advice))
    if pod.unschedulable:
        advice = (
            "No cluster node can take this run now. It starts when there is room; the site's "
            "manager can free or add resources, or lower what kubernetes.resources asks for."
        )
        failure = Failure("Unschedulable", pod.unschedulable, advice)
        return Waiting(Patience.NORMAL, RunStatus.START_FAILED, failure)
    if reason:
        return Waiting(Patience.NORMAL, RunStatus.START_FAILED, Failure(reason, message, ""))
    return None


def _diagnose_pull(reason: str, message: str) -> Waiting:
    text = message.lower()
    if any(word in text for word in _ARCHITECTURE):
        cause, patience = "WrongArchitecture", Patience.SHORT
        advice = "The image was built for another kind of processor. Build it for this cluster's."
    elif any(word in text for word in _REFUSED):
        cause, patience, advice = "ImageRefused", Patience.SHORT, _IMAGE_ADVICE
    elif any(word in text for word in _ABSENT):
        cause, patience, advice = "ImageNotFound", Patience.SHORT, _IMAGE_ADVICE
    elif reason == "ImagePullBackOff":
        # The kubelet repeats the registry's own words only with ErrImagePull.
        cause, patience, advice = "ImagePullBackOff", Patience.LONG, _IMAGE_ADVICE
    else:
        cause, patience = "ImagePullError", Patience.LONG
        advice = "The registry did not give the image; it is tried again. " + _IMAGE_ADVICE
    return Waiting(patience, RunStatus.NO_DOCKER_IMAGE, Failure(cause, message, advice))


def diagnose_terminated(end: Terminated) -> tuple[RunStatus, Failure | None]:
    """Say how an ended container ended: completed, or crashed and why."""
    if end.exit_code == 0:
        return RunStatus.COMPLETED, None
    if end.reason == "OOMKilled":
        advice = (
            "The algorithm needed more memory than its limit. Give it less data, or ask the "
            "site's manager to raise kubernetes.resources.limits.memory."
        )
        return RunStatus.CRASHED, Failure("OOMKilled", "killed for memory use", advice)
    if end.reason in {"ContainerCannotRun", "StartError"}:
        advice = "The image's entrypoint or command cannot be executed. Check it on any machine."
        return RunStatus.START_FAILED, Failure(end.reason, end.message, advice)
    signal = end.signal or (end.exit_code - 128 if 128 < end.exit_code < 160 else 0)
    if signal:
        name = SIGNAL_NAMES.get(signal, f"signal {signal}")
        advice = "The algorithm was ended by a signal. Its log may tell what it was doing."
        return RunStatus.CRASHED, Failure("Signal", f"ended by {name}", advice)
    advice = "The algorithm reported a failure. Its log tells why."
    return RunStatus.CRASHED, Failure("ExitCode", f"exit code {end.exit_code}", advice)


def diagnose_failed_pod(pod: PodObservation) -> Failure:
    """Say why a pod failed without its container telling: evicted, node lost, deadline."""
    if pod.reason == "Evicted":
        advice = "The cluster node ran short of resources. Post the task again when it has room."
    elif pod.reason == "DeadlineExceeded":
        advice = "The run took longer than kubernetes.limits.run_seconds allows."
    elif pod.reason in {"NodeLost", "NodeShutdown", "Terminated", "Shutdown"}:
        advice = "The cluster node it ran on went away. Post the task again."
    else:
        advice = "Ask the site's manager to look at the pod with `kubectl describe pod`."
    return Failure(pod.reason or "PodFailed", pod.message, advice)


POD_DELETED = Failure(
    "PodDeleted",
    "the pod was deleted before it ended",
    "Somebody or something at the data station removed it. Post the task again.",
)
JOB_DELETED = Failure(
    "JobDeleted",
    "the Job was deleted before it ended",
    "Somebody or something at the data station removed it. Post the task again.",
)
