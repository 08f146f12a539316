"""PURE: how a run's container or pod ended: status, cause, detail and advice.

The words on the left of the tables are Kubernetes' own: terminated reasons of the kubelet
(``pkg/kubelet/kuberuntime``) and of containerd, reasons of pods of the kubelet's eviction and
shutdown managers, and reasons of the condition DisruptionTarget (``k8s.io/api/core/v1``), which
tells why Kubernetes ends a pod.
"""

from __future__ import annotations

from dataclasses import replace

from node_poc.runs import diagnosis
from node_poc.runs.model import Failure
from node_poc.runs.observed import PodObservation, Terminated
from node_poc.runs.pod_protections import diagnose_protection
from node_poc.runs.status import RunStatus

End = tuple[RunStatus, Failure | None]

SIGNAL_NAMES = {1: "SIGHUP", 2: "SIGINT", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}
# The likely meaning of a signal and a remedy, where the signal's name alone tells a researcher
# little.
_SIGNAL_WORDS = {
    9: (
        "something ended it at once, and its own memory limit was not the reason",
        (
            "Post the task again: its machine may have been short of memory, or a person may have "
            "ended it. If it ends so again, look in its log for a step that kills processes, and "
            "ask the site."
        ),
    ),
    11: (
        "its compiled code touched memory that is not its own",
        (
            "Its log may tell what it was doing; a library of the image may be broken, or not made "
            "for the data station's processor."
        ),
    ),
    15: (
        "something asked it to end",
        "Post the task again: a person, or the algorithm itself, may have ended it.",
    ),
}
_AGAIN = "Post the task again."
_REMOVED = "it was removed at the data station before it had ended"
POD_DELETED = Failure("PodDeleted", _REMOVED, _AGAIN, "somebody or something deleted its pod")
JOB_DELETED = Failure("JobDeleted", _REMOVED, _AGAIN, "somebody or something deleted its Job")
KILLED = Failure("KilledByUser", "it was killed on request", "Post it again if that was a mistake.")
NODE_LOST = Failure(
    "NodeLost",
    "the machine it ran on is lost",
    _AGAIN,
    "the cluster node has been unreachable for kubernetes.limits.node_lost_seconds, was removed, "
    "or has a NoExecute taint",
)
# Reasons of DisruptionTarget after which the node may never hear of the pod's container again.
NODE_IS_LOST = frozenset({"DeletionByTaintManager", "DeletionByPodGC"})
_PREEMPTED = "the data station needed its place for something more urgent"
_CLEARED = "the data station cleared the machine it ran on"
# The other reasons of DisruptionTarget; the kubelet's own are in the pod's status.reason as well.
_DISRUPTIONS = {
    "PreemptionByScheduler": Failure("Preempted", _PREEMPTED, _AGAIN, "PreemptionByScheduler"),
    "EvictionByEvictionAPI": Failure("Evicted", _CLEARED, _AGAIN, "evicted by the API (a drain)"),
}
_SHUT_DOWN = frozenset({"NodeLost", "NodeShutdown", "Terminated", "Shutdown"})
_OUT_OF_DISK = ("exceeds the total limit", "exceeded its local ephemeral", "exceeds the limit")
_SIGNALS = 128  # an exit code above 128 is 128 plus the number of a signal
_REMOVAL_SECONDS = 2.0
# "Unknown", with exit code 255: containerd's word for a container that ended while containerd was
# down.
_OUT_OF_SIGHT = frozenset({"ContainerStatusUnknown", "Unknown"})
_GATE_NOT_OPEN = 3  # ``NOT_OPEN`` of gate.py
_CANNOT_RUN = frozenset({"ContainerCannotRun", "StartError"})


def diagnose_end(pod: PodObservation, run_seconds: int | None) -> End:
    """Return how a pod with an ended container ended: by itself, by Kubernetes or by a person.

    Args:
        pod: an observation with ``terminated`` set.
        run_seconds: the seconds after which Kubernetes ends a pod of the node; None: never.
    """
    end = pod.terminated or Terminated(0)
    if pod.phase == "Failed" and pod.reason:
        return diagnose_failed_pod(pod)
    diagnosed = diagnose_terminated(end)
    if end.exit_code == 0 or end.reason == "OOMKilled" or end.reason in _CANNOT_RUN:
        return diagnosed
    if pod.disruption:
        return RunStatus.FAILED, _disrupted(pod)
    if _was_deleted_before(pod, end):
        return RunStatus.FAILED, _deleted(pod, run_seconds)
    return diagnosed


def _was_deleted_before(pod: PodObservation, end: Terminated) -> bool:
    """Return whether the container ended because its pod was deleted. Times are whole seconds.

    After the kubelet has ended a container, the kubelet deletes the pod once more, which moves the
    deletion time.
    """
    if pod.deleted_at is None or end.ended_at is None:
        return pod.deleted_at is not None
    by_signal = end.exit_code > _SIGNALS or end.signal
    return end.ended_at >= pod.deleted_at - (_REMOVAL_SECONDS if by_signal else 0)


def _deleted(pod: PodObservation, run_seconds: int | None) -> Failure:
    """Return the failure of a pod deleted by a person, or by the Job controller at a deadline.

    The Job's condition shows the deadline as well, but may arrive later than the pod's deletion.
    """
    if run_seconds is None or pod.deleted_at is None or pod.created_at is None:
        return POD_DELETED
    if pod.deleted_at - pod.created_at < run_seconds - 1:
        return POD_DELETED
    return diagnose_deadline("its pod was deleted when the Job's deadline was over")


def _disrupted(pod: PodObservation) -> Failure:
    if pod.disruption in NODE_IS_LOST:
        return node_lost(pod.node_name)
    if (known := _DISRUPTIONS.get(pod.disruption)) is not None:
        return _on(pod.node_name, known)
    return diagnose_failed_pod(pod)[1] or POD_DELETED


def node_lost(machine: str) -> Failure:
    """Return the failure of a run on a lost machine, which only the site's detail names."""
    return _on(machine, NODE_LOST)


def is_lost(failure: Failure | None) -> bool:
    """Return whether the machine of a run is lost, and with it the rest of the run's log."""
    return failure is not None and replace(failure, site_detail=NODE_LOST.site_detail) == NODE_LOST


def _on(machine: str, failure: Failure) -> Failure:
    return replace(
        failure, site_detail=f"{failure.site_detail} (on {machine or 'no cluster node'})"
    )


def diagnose_gone_pod(pod: PodObservation) -> Failure:
    """Return why a pod is gone although its container never reported an end."""
    return _disrupted(pod) if pod.disruption else POD_DELETED


def diagnose_terminated(end: Terminated) -> End:
    """Return how an ended container ended: completed, or crashed with a reason."""
    if end.exit_code == 0:
        return RunStatus.COMPLETED, None
    if end.reason == "OOMKilled":
        detail = "the algorithm needed more memory than it may have"
        advice = "Let it use less data at a time, or ask the site to raise its memory limit."
        site = "OOMKilled: the limit is memory in kubernetes.resources, or in a rule of by_image"
        return RunStatus.CRASHED, Failure("OOMKilled", detail, advice, site)
    if end.reason in _OUT_OF_SIGHT:
        return _container_lost(end)
    if end.reason in _CANNOT_RUN:
        detail = "the image's entrypoint or command cannot be executed"
        advice = "Check the image: it fails the same way on any machine."
        return RunStatus.START_FAILED, Failure(end.reason, detail, advice, end.message)
    return _by_signal_or_code(end)


def _container_lost(end: Terminated) -> End:
    detail = "the machine it ran on lost sight of it, as after a restart"
    return RunStatus.FAILED, Failure("ContainerLost", detail, _AGAIN, end.message)


def _by_signal_or_code(end: Terminated) -> End:
    signal = end.signal or (end.exit_code - _SIGNALS if _SIGNALS < end.exit_code < 160 else 0)
    if signal:
        name = SIGNAL_NAMES.get(signal, f"signal {signal}")
        more, advice = _SIGNAL_WORDS.get(signal, ("", "Its log may tell what it was doing."))
        detail = f"ended by {name}"
        if more:
            detail += f" (exit code {end.exit_code}): {more}"
        return RunStatus.CRASHED, Failure("Signal", detail, advice, end.message)
    advice = "The algorithm reported a failure itself: its log tells why."
    detail = f"exit code {end.exit_code}"
    return RunStatus.CRASHED, Failure("ExitCode", detail, advice, end.message)


def _diagnose_gate(end: Terminated) -> End:
    """Return why the algorithm never ran: its gate did not open, failed, or was lost."""
    if end.reason in _OUT_OF_SIGHT:
        return _container_lost(end)
    if end.exit_code == _GATE_NOT_OPEN:
        return RunStatus.START_FAILED, Failure(
            "WallsNotUp",
            "the data station's network walls around it did not come up, so it was not started",
            "Post the task again; if it ends so again, ask the site.",
            "the gate saw the API server within reach, or no answer of the proxy, to its end: look "
            "whether the cluster enforces NetworkPolicies and the proxy is ready",
        )
    site_detail = f"the gate ended with exit code {end.exit_code} {end.reason} {end.message}"
    return RunStatus.START_FAILED, diagnosis.gate_not_started(site_detail.strip())


def diagnose_failed_pod(pod: PodObservation) -> End:
    """Return why a pod failed, despite its container's status: eviction, shutdown or deadline."""
    if not pod.reason and pod.gate_end is not None and pod.gate_end.exit_code:
        return _diagnose_gate(pod.gate_end)
    site = f"{pod.reason}: {pod.message} (on {pod.node_name or 'no cluster node'})"
    if pod.reason == "Evicted" and any(words in pod.message for words in _OUT_OF_DISK):
        site += "; the limit is ephemeral_storage in kubernetes.resources, or in a rule of by_image"
        return RunStatus.CRASHED, disk_limit_exceeded(site)
    if pod.reason == "Evicted":
        detail = "the data station ran short of disk or memory"
        return RunStatus.FAILED, Failure("Evicted", detail, _AGAIN, site)
    if pod.reason == "DeadlineExceeded":
        return RunStatus.FAILED, diagnose_deadline(pod.message)
    if pod.reason in _SHUT_DOWN:
        detail = "the machine it ran on went away"
        return RunStatus.FAILED, Failure("NodeLost", detail, _AGAIN, site)
    if pod.reason == "Preempting":  # the kubelet needs the pod's place for a system pod
        return RunStatus.FAILED, Failure("Preempted", _PREEMPTED, _AGAIN, site)
    if (protection := diagnose_protection(pod.reason)) is not None:
        return RunStatus.START_FAILED, replace(protection, site_detail=site)
    detail = "Kubernetes ended it without telling the algorithm's own exit"
    failure = Failure(pod.reason or "PodFailed", detail, "Ask the site what happened.", site)
    return RunStatus.FAILED, failure


def disk_limit_exceeded(site_detail: str) -> Failure:
    """Return the failure of a run above its disk limit; ``site_detail`` names the limit."""
    detail = "the algorithm wrote more to disk than it may"
    advice = "Let it write less, or ask the site for a larger limit of its disk space."
    return Failure("DiskLimitExceeded", detail, advice, site_detail)


def diagnose_deadline(message: str) -> Failure:
    """Return the failure of a run that took longer than its limit."""
    advice = "Let it do less, or ask the site for a longer kubernetes.limits.run_seconds."
    return Failure("DeadlineExceeded", "it took longer than it may", advice, message)
