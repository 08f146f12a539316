"""PURE: what happens to a run when something is seen of it.

``decide`` is the whole state machine. It never does anything: it returns the run as it is now
and the actions that follow, in order. A run that has ended stays ended whatever is seen later,
so late, repeated and reordered observations are harmless.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from node_poc.config.model import Limits
from node_poc.runs import diagnosis, ends, times, waits
from node_poc.runs.diagnosis import Patience, Waiting
from node_poc.runs.event_diagnosis import diagnose_events
from node_poc.runs.model import Failure, Run, Stage
from node_poc.runs.observed import (
    DiskLimitPassed,
    EventsSeen,
    JobObservation,
    KillRequested,
    Observation,
    PodObservation,
    StartPutOff,
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
class RemoveJob:
    """Remove the run's Job and pod; it ends when its pod is seen to have ended."""


@dataclass(frozen=True)
class LookForPod:
    """The Job is over and its pod has not told: ask for it, and tell if it is gone."""


@dataclass(frozen=True)
class LookForEvents:
    """The run does not start and shows no reason: ask for its pod's, or its Job's, Events."""


Action = Report | Collect | Stop | RemoveJob | LookForPod | LookForEvents
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
        case StartRefused() | StartPutOff():
            return _decide_refusal(run, observation, now, limits)
        case JobObservation():
            return _decide_job(run, observation)
        case PodObservation():
            return _decide_pod(run, observation, now, limits)
        case KillRequested() | DiskLimitPassed():
            return _stop(run, observation)
        case EventsSeen():
            return _decide_events(run, observation, now, limits)
        case Tick():
            return _tick(run, now, limits)


def _decide_refusal(
    run: Run, refused: StartRefused | StartPutOff, now: float, limits: Limits
) -> Decision:
    """End, or go back into the line and wait there for room as a pod does that has none."""
    failure = refused.failure
    if run.stage is Stage.CREATED:
        return run, ()  # it was made all the same: an answer was lost, and the next try refused
    if isinstance(refused, StartRefused) or run.kill_requested:
        return _end(run, RunStatus.START_FAILED, failure, remove_job=True)
    if run.waiting and run.waiting.failure.cause == failure.cause:
        failure = run.waiting.failure  # the numbers differ at each try: they are told once
    seen = Waiting(Patience.ROOM, RunStatus.START_FAILED, failure)
    return _wait_for(replace(run, stage=Stage.QUEUED), seen, now, limits)


def _stop(run: Run, why: KillRequested | DiskLimitPassed) -> Decision:
    if isinstance(why, DiskLimitPassed):
        return replace(run, excess=why.failure), (RemoveJob(),)
    run = replace(run, kill_requested=True)
    if run.stage is Stage.QUEUED:
        return _end(run, RunStatus.KILLED, ends.KILLED, remove_job=False)
    # Each wish has the Job removed again: an earlier removal may have come before it was made.
    return replace(run, stopping=True), (Stop(),)


def _decide_job(run: Run, job: JobObservation) -> Decision:
    if job.gone and (run.kill_requested or run.excess) and run.pod_name:
        return run, ()  # its pod still ends, and tells when it has
    if job.gone:
        return _end(run, RunStatus.FAILED, ends.JOB_DELETED, remove_job=False)
    if job.failed_reason == "DeadlineExceeded":
        failure = ends.diagnose_deadline(job.failed_message)
        return _end(run, RunStatus.FAILED, failure, remove_job=True)
    if job.succeeded or job.failed_reason:
        return replace(run, job_succeeded=job.succeeded), (LookForPod(),)
    if run.kill_requested and (run.job_created_at is None or not run.stopping):
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
    run = replace(run, stage=Stage.CREATED, status=status, failure=None, waiting=None)
    return run, (Report(),)


def _decide_pod(run: Run, pod: PodObservation, now: float, limits: Limits) -> Decision:
    run, reports = _created(run, None)
    if pod.terminated is not None:
        run = replace(run, pod_name=pod.pod_name)
        return _terminated(run, pod, pod.terminated, ends.diagnose_end(pod, limits.run_seconds))
    if pod.gone and run.job_succeeded:
        return _end(replace(run, exit_code=0), RunStatus.COMPLETED, None, remove_job=False)
    if pod.gone:
        return _end(run, RunStatus.FAILED, ends.diagnose_gone_pod(pod), remove_job=True)
    if run.pod_name != pod.pod_name:
        run = replace(run, pod_name=pod.pod_name, waiting=None)  # what kept it away is over
    if pod.disruption in ends.NODE_IS_LOST:
        return _end(run, RunStatus.FAILED, ends.NODE_LOST, remove_job=True)
    if pod.phase == "Failed":
        status, failure = ends.diagnose_failed_pod(pod)
        return _end(run, status, failure, remove_job=False)
    if pod.running_since is not None:
        run, more = _running(run, times.finer(pod.running_since, pod.seen_at))
    elif run.status is RunStatus.ACTIVE:  # a container starts once: what is seen is old
        return run, reports
    else:
        run, more = _waiting(run, pod, now, limits)
    return run, more or reports


def _terminated(
    run: Run, pod: PodObservation, end: Terminated, told: tuple[RunStatus, Failure | None]
) -> Decision:
    status, failure = told
    started_at = times.finer(end.started_at, run.started_at)
    ended_at = times.finer(end.ended_at, pod.seen_at)
    run = replace(run, exit_code=end.exit_code, started_at=_not_before(run, started_at))
    run = replace(run, ended_at=_not_before(run, ended_at))
    return _end(run, status, failure, remove_job=False)


def _running(run: Run, since: float | None) -> Decision:
    if run.status is RunStatus.ACTIVE:
        return run, ()
    since = _not_before(run, since)
    run = replace(run, status=RunStatus.ACTIVE, started_at=since, waiting=None, failure=None)
    return run, (Report(),)


def _not_before(run: Run, moment: float | None) -> float | None:
    """Kubernetes' times are whole seconds, cut off: no step of a run is before the one before."""
    if moment is None:
        return None
    return max(moment, run.received_at, run.job_created_at or 0.0, run.started_at or 0.0)


def _waiting(run: Run, pod: PodObservation, now: float, limits: Limits) -> Decision:
    seen = diagnosis.diagnose_waiting(pod)
    if seen is not None:
        return _wait_for(run, seen, now, limits)
    if run.waiting is not None or run.failure is None:
        return run, ()
    return replace(run, failure=None), (Report(),)  # what kept its pod away is over


def _wait_for(run: Run, seen: Waiting, now: float, limits: Limits) -> Decision:
    if waits.only_repeats(run.waiting, seen):
        return _overdue(run, now)
    wait = waits.next_wait(run.waiting, seen, now, limits)
    # A pod on its way is no trouble yet, so nothing is told of it before its time is over.
    shown = seen.failure if seen.is_trouble else None
    changed = run.failure != shown
    ended, actions = _overdue(replace(run, waiting=wait, failure=shown), now)
    if actions:
        return ended, actions
    return ended, (Report(),) if changed else ()


def _decide_events(run: Run, seen: EventsSeen, now: float, limits: Limits) -> Decision:
    wait = run.waiting
    if wait is None or wait.look_at == math.inf or seen.pod_name != run.pod_name:
        return run, ()  # a status tells more by now, or there is a pod by now
    told = diagnose_events(seen.events)
    if told is None and not wait.by_events:
        return run, ()
    if told is None:  # what was told before is over
        run = replace(run, waiting=replace(wait, by_events=False))
        told = diagnosis.unexplained(run.pod_name)
    return _wait_for(run, told, now, limits)


def _tick(run: Run, now: float, limits: Limits) -> Decision:
    if run.is_starting and run.waiting is None and not run.stopping:
        run, _ = _wait_for(run, diagnosis.unexplained(run.pod_name), now, limits)
    if run.stage is Stage.ACCEPTED:
        return run, ()  # its Job is being made: what comes of it decides
    ended, actions = _overdue(run, now)
    if actions or run.waiting is None or now < run.waiting.look_at:
        return ended, actions
    return replace(run, waiting=waits.looked(run.waiting, now)), (LookForEvents(),)


def _overdue(run: Run, now: float) -> Decision:
    wait = run.waiting
    if wait is None or wait.until is None or now < wait.until:
        return run, ()
    return _end(run, wait.status, wait.failure, remove_job=True)


def _end(run: Run, status: RunStatus, failure: Failure | None, *, remove_job: bool) -> Decision:
    if run.kill_requested:
        status, failure = RunStatus.KILLED, ends.KILLED
    elif run.excess is not None:
        status, failure = RunStatus.CRASHED, run.excess
    run = replace(run, stage=Stage.COLLECTING, status=status, failure=failure, waiting=None)
    return run, (Collect(remove_job=remove_job),)
