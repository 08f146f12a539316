"""PURE: how node and proxy are, from their Deployment, its pods and the Events about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from node_poc.manifests import identity
from node_poc.observe.claim_state import remedy_of_mount, remedy_of_waiting
from node_poc.observe.node_state import is_ready
from node_poc.runs.times import event_time

Object = dict[str, Any]
# The kubelet's words for a container that cannot start before a person changes something.
_HOPELESS = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "CrashLoopBackOff",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)
_REMEDIES = {
    "ErrImagePull": "check the image's name, that it was pushed, and the registry's login",
    "ImagePullBackOff": "check the image's name, that it was pushed, and the registry's login",
    "InvalidImageName": "correct kubernetes.node_image, or --image",
    "CreateContainerConfigError": "a Secret or ConfigMap of the pod is missing: start again",
    "CrashLoopBackOff": "the node ends again and again: its log, below, says why",
    "FailedCreate": "raise the quota, or have the administrator allow the pod",
    "MachineLost": "repair the machine; if it is gone for good, `kubectl delete node` it",
    "VolumeMissing": "see `kubectl describe pvc`; correct kubernetes.storage, or the StorageClass",
}


class Phase(StrEnum):
    """How far a part of a node is."""

    ABSENT = "absent"
    STOPPED = "stopped"
    STARTING = "starting"
    ONLINE = "online"


@dataclass(frozen=True)
class Trouble:
    """Why a pod does not come up.

    Attributes:
        reason: Kubernetes' word.
        text: Kubernetes' sentence about the reason, with the pod.
        is_final: whether waiting is hopeless.
        remedy: empty for the usual remedy of the reason.
    """

    reason: str
    text: str
    is_final: bool = False
    remedy: str = ""

    @property
    def where(self) -> str:
        """The pod, with the container if one is meant: the start of the sentence."""
        return self.text.partition(": ")[0]

    def __str__(self) -> str:
        """Return reason, sentence and remedy."""
        remedy = self.remedy or _REMEDIES.get(self.reason)
        return f"{self.reason}: {self.text}" + (f"; {remedy}" if remedy else "")


@dataclass(frozen=True)
class Part:
    """The node or the proxy. ``troubles``: empty if nothing is wrong, or nothing is known."""

    name: str
    phase: Phase
    troubles: tuple[Trouble, ...] = ()


def judge(
    name: str,
    deployment: Object | None,
    pods: Sequence[Object],
    events: Sequence[Object],
    claims: Sequence[str] = (),
) -> Part:
    """Return how a part of the node is.

    Args:
        name: ``node`` or ``proxy``.
        deployment: the part's Deployment, or None.
        pods: the pods of the part. Of pods that are being deleted, only those on a lost machine
            count: Kubernetes may wait for them before it makes another pod.
        events: Events about these pods.
        claims: sentences about claims of these pods that cannot be used yet.
    """
    if deployment is None:
        return Part(name, Phase.ABSENT)
    if deployment["spec"].get("replicas", 1) == 0:
        return Part(name, Phase.STOPPED)
    present = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    if _is_rolled_out(deployment) and any(map(is_ready, present)):
        return Part(name, Phase.ONLINE)
    troubles = [*_of_deployment(deployment)]
    for pod in present:
        troubles += _of_pod(pod, events)
    troubles += [Trouble("VolumeMissing", sentence) for sentence in claims]
    troubles += [trouble for pod in pods if (trouble := _of_lost_machine(pod)) is not None]
    return Part(name, Phase.STARTING, tuple(troubles))


def _is_rolled_out(deployment: Object) -> bool:
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    numbers = (status.get(key, 0) for key in ("updatedReplicas", "readyReplicas", "replicas"))
    return seen and all(number == wanted for number in numbers)


def _of_deployment(deployment: Object) -> Iterator[Trouble]:
    for each in (deployment.get("status") or {}).get("conditions") or []:
        if each.get("type") == "ReplicaFailure" and each.get("status") == "True":
            yield Trouble(
                each.get("reason", "ReplicaFailure"), each.get("message", ""), is_final=True
            )


def _of_pod(pod: Object, events: Sequence[Object]) -> Iterator[Trouble]:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for each in status.get("conditions") or []:
        if each.get("type") == "PodScheduled" and each.get("status") == "False":
            message = str(each.get("message"))
            remedy = remedy_of_waiting(message)
            yield Trouble("Unschedulable", f"pod {name}: {message}", remedy=remedy)
    for each in _containers(status):
        waiting = (each.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _HOPELESS:
            text = f"pod {name}, container {each['name']}: {waiting.get('message', '')}"
            yield Trouble(waiting["reason"], text, is_final=True)
        ended = (each.get("state") or {}).get("terminated") or {}
        if ended.get("exitCode"):
            text = f"pod {name}, container {each['name']}: exit code {ended['exitCode']}"
            yield Trouble(ended.get("reason", "Error"), text)
    about = [x for x in events if (x.get("involvedObject") or {}).get("name") == name]
    mounts = [x for x in about if x.get("reason") in {"FailedMount", "FailedAttachVolume"}]
    if mounts and not any("running" in (x.get("state") or {}) for x in _containers(status)):
        message = str(max(mounts, key=event_time).get("message"))
        yield Trouble("FailedMount", f"pod {name}: {message}", remedy=remedy_of_mount(message))


def _of_lost_machine(pod: Object) -> Trouble | None:
    """Return the trouble of a pod whose removal waits for a machine that does not answer."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    if not metadata.get("deletionTimestamp") or status.get("phase") in {"Succeeded", "Failed"}:
        return None
    conditions = status.get("conditions") or []
    if not any(each.get("reason") == "DeletionByTaintManager" for each in conditions):
        return None
    machine = pod["spec"].get("nodeName")
    return Trouble("MachineLost", f"pod {metadata['name']}: its machine {machine} does not answer")


def _containers(status: Object) -> list[Object]:
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def of_component(objects: Iterable[Object], component: str) -> list[Object]:
    """Return the objects with the label of a component: ``node`` or ``proxy``."""
    return [
        each
        for each in objects
        if (each["metadata"].get("labels") or {}).get(identity.LABEL_COMPONENT) == component
    ]


def overall(parts: Iterable[Part]) -> Phase:
    """Return the state of the whole node: the least of node and proxy; stopped with the node."""
    phases = {part.name: part.phase for part in parts}
    node = phases.get(identity.COMPONENT_NODE, Phase.ABSENT)
    if node in {Phase.ABSENT, Phase.STOPPED}:
        return node
    return Phase.ONLINE if set(phases.values()) == {Phase.ONLINE} else Phase.STARTING
