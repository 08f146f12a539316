"""PURE: what happens to a run when something is seen of it.

``decide`` is the whole state machine. It never does anything: it returns the run as it is now
and the actions that follow, in order. A run that has ended stays ended whatever is seen later,
so late, repeated and reordered observations are harmless.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from node_poc.config.model import Limits
from node_poc.runs import diagnosis
from node_poc.runs.diagnosis import Patience, Waiting
from node_poc.runs.model import Failure, Run, Stage, Wait
from node_poc.runs.observed import (
    JobObservation,
    KillRequested,
    Observation,
    PodObservation,
    StartRefused,
    Terminated,
    Tick,
)
from node_poc.runs.status import RunStatus


@dataclass(frozen=True)
class Report:
    """Tell the server the run's status as it is now."""


@dataclass(frozen=True)
class Collect:
    """The run has ended: read log and output, write the result to disk, deliver it.

    ``remove_job``: the Job must go once the result is safe, because it could still start a pod.
    """

    remove_job: bool


@dataclass(frozen=True)
class Stop:
    """Remember that the run is to be killed, and remove its Job and pod."""


@dataclass(frozen=True)
class LookForPod:
    """The Job is over and its pod has not told: ask for it, and tell if it is gone."""


Action = Report | Collect | Stop | LookForPod
Decision = tuple[Run, tuple[Action, ...]]


def decide(run: Run, observation: Observation, now: float, limits: Limits) -> Decision:
    """Take one observation of one run into account.

    Args:
        run: the run as known so far.
        observation: what was seen; its run_id is the run's.
        now: monotonic seconds, so that a stepped clock ends no run.
        limits: how long each kind of waiting may last.

    Returns:
        the run as it is now, and what is to be done, in order.
    """
    if run.has_ended:
        return run, ()
    match observation:
        case StartRefused(failure=failure):
            return _end(run, RunStatus.START_FAILED, failure, remove_job=True)
        case JobObservation():
            return _decide_job(run, observation)
        case PodObservation():
            return _decide_pod(run, observation, now, limits)
        case KillRequested():
            return _kill(run)
        case Tick():
            return _overdue(run, now)


def _kill(run: Run) -> Decision:
    if run.stopping:
        return run, ()
    run = replace(run, kill_requested=True)
    if run.stage is Stage.QUEUED:
        return _end(run, RunStatus.KILLED, diagnosis.KILLED, remove_job=False)
    return replace(run, stopping=True), (Stop(),)


def _decide_job(run: Run, job: JobObservation) -> Decision:
    if job.gone and run.kill_requested and run.pod_name:
        return run, ()  # its pod still ends, and tells when it has
    if job.gone:
        return _end(run, RunStatus.FAILED, diagnosis.JOB_DELETED, remove_job=False)
    if job.failed_reason == "DeadlineExceeded":
        failure = diagnosis.diagnose_deadline(job.failed_message)
        return _end(run, RunStatus.FAILED, failure, remove_job=True)
    if job.succeeded or job.failed_reason:
        return replace(run, job_succeeded=job.succeeded), (LookForPod(),)
    if run.kill_requested and (run.stage is Stage.ACCEPTED or not run.stopping):
        # The Job was made after it was to be removed, or a former process died in between.
        run, _ = _created(run, job.created_at)
        return replace(run, stopping=True), (Stop(),)
    return _created(run, job.created_at)


def _created(run: Run, created_at: float | None) -> Decision:
    # What the API tells is cut to whole seconds, so the later of two times is the truer one.
    run = replace(run, job_created_at=_not_before(run, created_at) or run.job_created_at)
    if run.stage not in {Stage.QUEUED, Stage.ACCEPTED}:
        return run, ()
    status = RunStatus.INITIALIZING if run.status is RunStatus.PENDING else run.status
    run = replace(run, stage=Stage.CREATED, status=status, failure=None)
    return run, (Report(),)


def _decide_pod(run: Run, pod: PodObservation, now: float, limits: Limits) -> Decision:
    run, reports = _created(run, None)
    if pod.terminated is not None:
        return _terminated(replace(run, pod_name=pod.pod_name), pod.terminated)
    if pod.gone and run.job_succeeded:
        return _end(replace(run, exit_code=0), RunStatus.COMPLETED, None, remove_job=False)
    if pod.gone:
        return _end(run, RunStatus.FAILED, diagnosis.POD_DELETED, remove_job=True)
    run = replace(run, pod_name=pod.pod_name)
    if pod.disruption == diagnosis.NODE_SILENT:
        return _end(run, RunStatus.FAILED, diagnosis.NODE_LOST, remove_job=True)
    if pod.phase == "Failed":
        failure = diagnosis.diagnose_failed_pod(pod)
        return _end(run, RunStatus.FAILED, failure, remove_job=False)
    if pod.running_since is not None:
        run, more = _running(run, pod.running_since)
    else:
        run, more = _waiting(run, pod, now, limits)
    return run, more or reports


def _terminated(run: Run, end: Terminated) -> Decision:
    status, failure = diagnosis.diagnose_terminated(end)
    run = replace(
        run,
        exit_code=end.exit_code,
        started_at=_not_before(run, end.started_at) or run.started_at,
        ended_at=_not_before(run, end.ended_at),
    )
    return _end(run, status, failure, remove_job=False)


def _running(run: Run, since: float) -> Decision:
    if run.status is RunStatus.ACTIVE:
        return run, ()
    since = _not_before(run, since) or since
    run = replace(run, status=RunStatus.ACTIVE, started_at=since, waiting=None, failure=None)
    return run, (Report(),)


def _not_before(run: Run, moment: float | None) -> float | None:
    """Kubernetes' times are whole seconds, cut off: no step of a run is before the one before."""
    if moment is None:
        return None
    return max(moment, run.received_at, run.job_created_at or 0.0)


def _waiting(run: Run, pod: PodObservation, now: float, limits: Limits) -> Decision:
    seen = diagnosis.diagnose_waiting(pod)
    if seen is None:
        return run, ()
    if _only_repeats(run, seen):
        return _overdue(run, now)
    # Trouble of one kind (ErrImagePull, then ImagePullBackOff) is one wait, counted from its start.
    since = run.waiting.since if run.waiting and _kind(run.waiting) == _kind(seen) else now
    patience = _patience(seen, limits)
    until = None if patience is None else since + patience
    # A pod on its way is no trouble yet, so nothing is told of it before its time is over.
    shown = None if seen.patience is Patience.START else seen.failure
    wait = Wait(seen.failure, since, until, seen.status)
    changed = run.failure != shown
    ended, actions = _overdue(replace(run, waiting=wait, failure=shown), now)
    if actions:
        return ended, actions
    return ended, (Report(),) if changed else ()


def _kind(trouble: Wait | Waiting) -> str:
    """Troubles of one kind are one wait: all that is wrong with an image counts together."""
    image = trouble.status is RunStatus.NO_DOCKER_IMAGE
    return trouble.status if image else trouble.failure.cause


def _only_repeats(run: Run, seen: Waiting) -> bool:
    """Whether the kubelet only says that it backs off: the registry's own words are kept then."""
    waiting = run.waiting
    return (
        seen.failure.cause == "ImagePullBackOff"
        and waiting is not None
        and _kind(waiting) == _kind(seen)
    )


def _patience(seen: Waiting, limits: Limits) -> float | None:
    """Seconds; None: without end."""
    match seen.patience:
        case Patience.ROOM:
            return limits.schedule_seconds
        case Patience.START:
            return limits.start_seconds
        case Patience.NONE:
            return 0.0
        case Patience.SHORT:
            return limits.hopeless_seconds
        case _:
            return limits.pull_seconds


def _overdue(run: Run, now: float) -> Decision:
    wait = run.waiting
    if wait is None or wait.until is None or now < wait.until:
        return run, ()
    return _end(run, wait.status, wait.failure, remove_job=True)


def _end(run: Run, status: RunStatus, failure: Failure | None, *, remove_job: bool) -> Decision:
    if run.kill_requested:
        status, failure = RunStatus.KILLED, diagnosis.KILLED
    run = replace(run, stage=Stage.COLLECTING, status=status, failure=failure, waiting=None)
    return run, (Collect(remove_job=remove_job),)
