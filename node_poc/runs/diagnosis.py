"""PURE: the reason why a pod does not run yet, from the pod's status: cause, detail and advice.

The words on the left of the tables are Kubernetes' own: container waiting reasons of the kubelet
(``pkg/kubelet/images/types.go``, ``pkg/kubelet/kuberuntime``) and messages of the scheduler.
Registry texts are those of containerd. ``event_diagnosis.py`` reads the reasons that only Events
show, and ``ends.py`` explains how a pod ended.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from node_poc.runs.model import Failure
from node_poc.runs.observed import PodObservation
from node_poc.runs.pod_protections import diagnose_protection
from node_poc.runs.status import RunStatus


class Patience(StrEnum):
    """How long the node waits for a pod; ``config.model.Limits`` has the seconds."""

    ROOM = "room"  # the cluster has no room for the pod yet
    GROWTH = "growth"  # no machine of the cluster is large enough for the pod
    NONE = "none"  # the pod cannot recover: end the run at once
    ABSENT = "absent"  # the registry says that the image does not exist: wait a moment
    SHORT = "short"  # the reason says that the pod cannot recover: check once more
    LONG = "long"  # the pod may recover by itself
    START = "start"  # nothing is wrong so far: the pod is about to start


@dataclass(frozen=True)
class Waiting:
    """Why a pod does not run yet, and how the run ends if the pod waits too long.

    Attributes:
        patience: how long the node waits.
        status: the run's status if the wait is too long.
        failure: the run's failure if the wait is too long.
        is_trouble: something is wrong; false if the pod is only not ready yet.
        by_events: only Events show the reason, and no status does.
    """

    patience: Patience
    status: RunStatus
    failure: Failure
    is_trouble: bool = True
    by_events: bool = False


_IMAGE_ADVICE = (
    "Check the image's name and tag, that it was pushed, and that this node's registry "
    "credentials may read it."
)
_ABSENT = ("not found", "manifest unknown", "name unknown", "does not exist")
_RATE_LIMITED = ("toomanyrequests", "too many requests", "rate limit")
_REFUSED = ("unauthorized", "forbidden", "access denied", "authentication required")
_ARCHITECTURE = ("no match for platform", "no matching manifest", "exec format error")
_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"})
_NEVER_AN_IMAGE = frozenset({"InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
# Names and addresses of images may contain any of the words above.
_NAMES = re.compile(r"\S*/\S*")
_CANNOT_START = frozenset(
    {
        "CreateContainerError",
        "CreateContainerConfigError",
        "RunContainerError",
        "PreCreateHookError",
        "PostStartHookError",
    }
)

# The kubelet's words while the container runtime stops or restarts. They say nothing of the image.
_RUNTIME_DETAIL = "the container runtime of its machine does not answer; it is tried again"
_RUNTIME_ADVICE = "Ask the site to look at its machine if that goes on."
_RUNTIME_AWAY = ("error reading from server", "code = unavailable", "connect: connection refused")


def diagnose_waiting(pod: PodObservation) -> Waiting | None:
    """Return why a pending pod waits; None if its status shows no reason."""
    reason, message = pod.waiting_reason, pod.waiting_message
    if pod.gate_waiting:
        return Waiting(Patience.LONG, RunStatus.START_FAILED, gate_not_started(pod.gate_waiting))
    if reason in _PULL:
        return _diagnose_pull(reason, message)
    if reason in _NEVER_AN_IMAGE:
        failure = Failure(reason, "the image's name cannot be used", _IMAGE_ADVICE, message)
        return Waiting(Patience.NONE, RunStatus.NO_DOCKER_IMAGE, failure)
    if reason == "SignatureValidationFailed":
        detail = "the image is not signed as the data station wants it"
        failure = Failure(reason, detail, "Ask the site whose signature it trusts.", message)
        return Waiting(Patience.SHORT, RunStatus.NO_DOCKER_IMAGE, failure)
    if reason in _CANNOT_START and any(words in message.lower() for words in _RUNTIME_AWAY):
        failure = Failure("RuntimeAway", _RUNTIME_DETAIL, _RUNTIME_ADVICE, message)
        return Waiting(Patience.LONG, RunStatus.START_FAILED, failure)
    if reason in _CANNOT_START:
        failure = _not_started(reason, message)
        return Waiting(Patience.SHORT, RunStatus.START_FAILED, failure)
    if pod.unschedulable:
        return _diagnose_unschedulable(pod.unschedulable)
    return unexplained(pod.pod_name) if reason else None


def _not_started(reason: str, message: str) -> Failure:
    text = message.lower()
    if (protection := diagnose_protection(message)) is not None:
        return protection
    if reason == "CreateContainerConfigError" and ("secret" in text or "configmap" in text):
        detail = "the data station lacks a secret that the task needs there"
        advice = "Tell the site which databases the task asks for."
        return Failure("SecretMissing", detail, advice, message)
    if "subpath" in text:
        detail = "a file or folder that it asks for is not at the data station"
        advice = "Tell the site which databases the task asks for: one may be missing."
        return Failure("MountMissing", detail, advice, message)
    detail = "the container cannot be started from this image"
    advice = "Check the image's entrypoint, its user and the folders it needs."
    return Failure(reason, detail, advice, message)


def unexplained(pod_name: str) -> Waiting:
    """Return a wait without visible trouble; ``pod_name`` is empty until the run has a pod."""
    failure = _NOT_CREATED if pod_name else _NO_POD
    return Waiting(Patience.START, RunStatus.START_FAILED, failure, is_trouble=False)


def in_queue() -> Waiting:
    """Return the wait of a run whose Job is suspended, as Kueue does until a queue has room."""
    return Waiting(Patience.ROOM, RunStatus.START_FAILED, IN_QUEUE)


IN_QUEUE = Failure(
    "InQueue",
    "waits in the queue of the data station's cluster",
    "It starts by itself when the queue has room.",
    "the Job is suspended (spec.suspend); Kueue resumes the Job: `kubectl describe workload`",
)
_NOT_CREATED = Failure(
    "ContainerNotCreated",
    "its container was not made in time",
    "Ask the site: a database, a volume or the image may not be ready there.",
    "`kubectl describe pod` tells more",
)
_NO_POD = Failure(
    "PodNotCreated",
    "the data station made no pod for it in time",
    "Ask the site: Kubernetes there is out of order, or forbids the pods of algorithms.",
    "`kubectl describe job` tells more",
)


#: The scheduler's words for a volume on another machine; the first are those since Kubernetes 1.34.
VOLUME_ELSEWHERE = r"(match PersistentVolume's|had volume) node affinity"
# The machine is out of question for a claim with ReadWriteOnce (``manifests/claims.py``).
_ELSEWHERE = rf"{VOLUME_ELSEWHERE}|match pod affinity rules"
_ONE_MACHINE = (
    "; if the volume of its claim is for one machine (ReadWriteOnce), runs go to that machine "
    "only, beside the node's pod: make room there, uncordon or repair it (`kubectl get nodes`)"
)

# The scheduler's words for a missing resource (``pkg/scheduler/framework/plugins``), the most
# specific first.
_LACKS = (
    (r"Insufficient cpu", "InsufficientCpu", "processor time"),
    (r"Insufficient memory", "InsufficientMemory", "memory"),
    (r"Insufficient ephemeral-storage", "InsufficientDisk", "disk space"),
    (r"Insufficient \S*gpu", "InsufficientGpu", "a GPU"),
    (VOLUME_ELSEWHERE, "VolumeMachineAway", "the machine with its files"),
    (r"(?i)persistent ?volume|pvc\(s\)|free storage", "VolumeNotReady", "its volume"),
    (r"Too many pods", "TooManyPods", "a free place for a pod"),
    (r"Insufficient", "InsufficientResource", "a resource that it needs"),
    (r"taint|affinity|selector|were unschedulable", "NoSuitableNode", "a machine that may run it"),
)


# A pod that asks for more than a machine has in all: the scheduler says for this machine that the
# removal of other pods (preemption) would not help. A machine of the control plane counts as one
# that is never large enough.
_NEVER_ENOUGH = re.compile(
    r"\d+ (Insufficient \S+|node\(s\) had untolerated taint \{node-role\.kubernetes\.io/[^}]*\}"
    rf"|node\(s\) (didn't )?({_ELSEWHERE})( conflict)?)"
)


def _diagnose_unschedulable(message: str) -> Waiting:
    nothing_special = ("", "Unschedulable", "a place for it")
    found = (lack for lack in _LACKS if re.search(lack[0], message))
    _, cause, what = next(found, nothing_special)
    is_bound = re.search(_ELSEWHERE, message) is not None
    site_detail = message + (_ONE_MACHINE if is_bound else "")
    if _is_too_large(message):
        failure = Failure("RunTooLarge", *_too_large(what, is_bound=is_bound), site_detail)
        return Waiting(Patience.GROWTH, RunStatus.START_FAILED, failure)
    return Waiting(Patience.ROOM, RunStatus.START_FAILED, _lacking(cause, what, site_detail))


def _too_large(what: str, *, is_bound: bool) -> tuple[str, str]:
    """Return detail and advice; ``is_bound``: not every machine may run the pod."""
    if is_bound:
        return (
            f"no machine that may run it is large enough for it: each lacks {what}",
            "Ask the site to give a run less, or to use a larger machine for runs.",
        )
    return (
        f"no machine of the data station is large enough for it: each lacks {what}",
        "Ask the site to give a run less, or to add a larger machine.",
    )


def _is_too_large(message: str) -> bool:
    """Return whether every machine is too small for the pod, also when nothing else runs there."""
    reasons, _, rest = message.partition(". ")
    machines, _, why = reasons.partition(" nodes are available: ")
    count = machines.removeprefix("0/")
    hopeless = f"preemption: 0/{count} nodes are available: {count} Preemption is not helpful"
    return (
        hopeless in rest
        and "Insufficient" in why
        and all(map(_NEVER_ENOUGH.fullmatch, why.split(", ")))
    )


def no_disk_space(message: str) -> Failure:
    """Return the failure of runs that wait because the node's own disk has too little space."""
    return _lacking("InsufficientDisk", "disk space", message)


def walls_not_up(site_detail: str) -> Failure:
    """Return the failure of runs that wait because the walls around algorithms are not right."""
    return Failure(
        "WallsNotUp",
        "the data station's network walls around algorithms are not up at the moment",
        "It starts by itself as soon as they are; ask the site if that takes too long.",
        site_detail,
    )


def gate_not_started(site_detail: str) -> Failure:
    """Return the failure of a run whose gate cannot start: the algorithm never ran."""
    return Failure(
        "GateNotStarted",
        "the data station cannot check its network walls, so it starts no algorithm",
        "Ask the site: the cluster must be able to run the image of the data station's node.",
        site_detail,
    )


def _lacking(cause: str, what: str, message: str) -> Failure:
    advice = "It starts by itself as soon as there is one; ask the site if that takes too long."
    return Failure(cause, f"the data station lacks {what} at the moment", advice, message)


def _diagnose_pull(reason: str, message: str) -> Waiting:
    text = _NAMES.sub(" ", message.lower())
    if any(word in text for word in _ARCHITECTURE):
        cause, patience = "WrongArchitecture", Patience.SHORT
        detail = "the image is not made for the data station's kind of processor"
        advice = "Build the image for that processor as well."
    elif any(word in text for word in _REFUSED):
        cause, patience, advice = "ImageRefused", Patience.SHORT, _IMAGE_ADVICE
        detail = "the registry refuses to give the image to this node"
    elif any(word in text for word in _ABSENT):
        cause, patience, advice = "ImageNotFound", Patience.ABSENT, _IMAGE_ADVICE
        detail = "the image was not found in its registry"
    elif any(word in text for word in _RATE_LIMITED):
        cause, patience = "ImageRateLimited", Patience.LONG
        detail = "the registry gives no more images for now; it is tried again"
        advice = "Wait, or use a registry without a limit."
    else:
        cause, patience, advice = "ImagePullError", Patience.LONG, _IMAGE_ADVICE
        detail = "the registry did not give the image; it is tried again"
        if reason == "ImagePullBackOff":  # the kubelet's earlier message had the reason
            cause = reason
    failure = Failure(cause, detail, advice, message)
    return Waiting(patience, RunStatus.NO_DOCKER_IMAGE, failure)


def queued(before: int, *, by_quota: bool = False) -> Failure:
    """Return the failure of a run that waits for its turn.

    Args:
        before: the number of runs that come first.
        by_quota: a ResourceQuota delays the run, and not the node's own limit.
    """
    full = "has as many runs as it takes at once"
    why = "the data station's quota for runs is used up" if by_quota else f"the data station {full}"
    wait = "waits" if before == 1 else "wait"
    detail = f"{why}; {before} {wait} before this one"
    return Failure("Queued", detail, "It starts by itself.")
