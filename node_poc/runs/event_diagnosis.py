"""PURE: the reason why a pod is not created or not started, where only Events show the reason.

No object's status mentions a pod that a quota or an admission rule forbids, or a volume that cannot
be mounted: the Job controller and the kubelet only write Events, again and again. The words are
those of both (``pkg/controller/job``, ``pkg/kubelet/events``) and of the admission plugins.
"""

from __future__ import annotations

from node_poc.runs.diagnosis import Patience, Waiting
from node_poc.runs.model import Failure
from node_poc.runs.observed import ClusterEvent
from node_poc.runs.pod_protections import diagnose_protection, is_dropped
from node_poc.runs.quotas import diagnose_quota
from node_poc.runs.status import RunStatus

# An Event with one of these reasons ends all earlier trouble.
_PROGRESS = frozenset({"SuccessfulCreate", "Pulling", "Pulled", "Created", "Started"})
_MOUNT = frozenset({"FailedMount", "FailedAttachVolume", "FailedMapVolume"})
_SANDBOX = frozenset({"FailedCreatePodSandBox", "NetworkNotReady"})
# The kubelet adds these words after two minutes for a volume as well; its earlier Events have the
# cause.
_ONLY_LATE = "timed out waiting for the condition"

_BY_ITSELF = "It starts by itself as soon as that is over; ask the site if it takes too long."
_RULES = "Ask the site: a rule of its cluster forbids the pods of algorithms; this task cannot run."


def diagnose_events(events: tuple[ClusterEvent, ...]) -> Waiting | None:
    """Return why a run's pod is missing or does not start; None if the Events show no trouble.

    Args:
        events: the Events of the pod, or of a Job without a pod; oldest first.
    """
    vague = None
    for event in reversed(events):
        if event.reason in _PROGRESS:
            break
        seen = _diagnose(event)
        if seen is None:
            continue
        if _ONLY_LATE not in event.message:
            return seen
        vague = vague or seen
    return vague


def _diagnose(event: ClusterEvent) -> Waiting | None:
    if event.reason == "FailedCreate":
        return _not_created(event.message)
    if event.reason in _MOUNT:
        return _not_mounted(event.message)
    if event.reason in _SANDBOX:
        if (failure := diagnose_protection(event.message)) is not None:
            return Waiting(Patience.SHORT, RunStatus.START_FAILED, failure, by_events=True)
        detail = "the data station cannot connect it to its network at the moment"
        return _waiting(Patience.START, "SandboxNotCreated", detail, _BY_ITSELF, event.message)
    return None


# Admission texts; the first match counts: (part of the text, patience, cause, detail, advice).
_REFUSALS = (
    (
        "failed calling webhook",
        Patience.START,
        "AdmissionUnavailable",
        "the data station cannot check whether it may run at the moment",
        _BY_ITSELF,
    ),
    (
        "looking up service account",  # the namespace is being created
        Patience.START,
        "PodNotCreated",
        "the data station is not ready for runs yet",
        _BY_ITSELF,
    ),
    *(
        (words, Patience.SHORT, "NotAdmitted", "a rule of the data station forbids it", _RULES)
        for words in ("is forbidden", "denied the request", "denied request", "is invalid")
    ),
)


def _not_created(message: str) -> Waiting:
    if (quota := diagnose_quota(message, by_events=True)) is not None:
        return quota
    if (failure := diagnose_protection(message)) is not None:
        return Waiting(Patience.SHORT, RunStatus.START_FAILED, failure, by_events=True)
    for words, patience, cause, detail, advice in _REFUSALS:
        if words in message:
            return _waiting(patience, cause, detail, advice, message)
    detail = "the data station could not make its pod so far"
    return _waiting(Patience.START, "PodNotCreated", detail, _BY_ITSELF, message)


def diagnose_refused_job(message: str) -> Waiting | None:
    """Return why the API refuses a Job; None if no quota, LimitRange or rule is the reason.

    The Job waits only with ``Patience.ROOM``. Any other refusal is final.
    """
    if (quota := diagnose_quota(message)) is not None:
        return quota
    if is_dropped(message) and (failure := diagnose_protection(message)) is not None:
        return Waiting(Patience.SHORT, RunStatus.START_FAILED, failure)
    if "denied the request" in message or "denied request" in message:
        detail = "a rule of the data station forbids it"
        failure = Failure("NotAdmitted", detail, _RULES, message)
        return Waiting(Patience.SHORT, RunStatus.START_FAILED, failure)
    return None


def _not_mounted(message: str) -> Waiting:
    if "hostPath type check failed" not in message:
        detail = "a volume that it needs is not ready at the data station"
        return _waiting(Patience.START, "VolumeNotReady", detail, _BY_ITSELF, message)
    if 'volume "database-' in message:
        detail = "a database that it asks for is not where the data station expects it"
        advice = "Tell the site which databases the task asks for: a file or folder is missing."
        return _waiting(Patience.SHORT, "DatabaseMissing", detail, advice, message)
    detail = "the folder that the data station keeps its runs in is missing"
    advice = "Tell the site: no task can run there."
    return _waiting(Patience.SHORT, "StorageMissing", detail, advice, message)


def _waiting(patience: Patience, cause: str, detail: str, advice: str, site: str) -> Waiting:
    failure = Failure(cause, detail, advice, site)
    return Waiting(patience, RunStatus.START_FAILED, failure, by_events=True)
