"""PURE: the next state of a run after an observation.

``decide`` is the whole state machine. The function has no side effects: it returns the new run and
the actions that follow, in order. A run that has ended never changes again, whatever is observed
later, so late, repeated and reordered observations are harmless.
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
    DiskLimitExceeded,
    EventsSeen,
    ImageDelayed,
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
    """Send the run's current status to the server."""


@dataclass(frozen=True)
class Collect:
    """The run has ended: read log and output, write the result to disk, deliver the result.

    Attributes:
        remove_job: delete the Job once the result is on disk, because the Job could still start a
            pod.
    """

    remove_job: bool


@dataclass(frozen=True)
class Stop:
    """Record that the run is to be killed, and delete its Job and pod."""


@dataclass(frozen=True)
class RemoveJob:
    """Delete the run's Job and pod; the run ends when its pod is observed to have ended."""


@dataclass(frozen=True)
class LookForPod:
    """The Job has ended, but not its pod as far as observed: look whether the pod is gone."""


@dataclass(frozen=True)
class LookForEvents:
    """The run does not start for no visible reason: read the Events of its pod, or of its Job."""


Action = Report | Collect | Stop | RemoveJob | LookForPod | LookForEvents
Decision = tuple[Run, tuple[Action, ...]]


def decide(run: Run, observation: Observation, now: float, limits: Limits) -> Decision:
    """Apply one observation to a run.

    Args:
        run: the run as known so far.
        observation: the observation; its ``run_id`` is the run's.
        now: monotonic seconds, because a step of the clock must end no run.
        limits: how long each kind of waiting may last.

    Returns:
        the new run, and the actions to take, in order.
    """
    if run.has_ended:
        return run, ()
    match observation:
        case StartRefused() | StartPutOff():
            return _decide_refusal(run, observation, now, limits)
        case ImageDelayed():
            return _decide_delay(run, observation, now, limits)
        case JobObservation():
            return _decide_job(run, observation, now, limits)
        case PodObservation():
            return _decide_pod(run, observation, now, limits)
        case KillRequested() | DiskLimitExceeded():
            return _stop(run, observation)
        case EventsSeen():
            return _decide_events(run, observation, now, limits)
        case Tick():
            return _tick(run, now, limits)


def _decide_refusal(
    run: Run, refused: StartRefused | StartPutOff, now: float, limits: Limits
) -> Decision:
    """End the run, or queue it again to wait for room like a pod that cannot be scheduled."""
    failure = refused.failure
    if run.stage is Stage.CREATED:
        # The Job exists: the first response was lost, and the second attempt was refused.
        return run, ()
    if isinstance(refused, StartRefused) or run.kill_requested:
        status = refused.status if isinstance(refused, StartRefused) else RunStatus.START_FAILED
        return _end(run, status, failure, remove_job=True)
    if run.waiting and run.waiting.failure.cause == failure.cause:
        # The numbers in the text differ at each attempt: report only the first text.
        failure = run.waiting.failure
    seen = Waiting(Patience.ROOM, RunStatus.START_FAILED, failure)
    return _wait_for(replace(run, stage=Stage.QUEUED), seen, now, limits)


def _decide_delay(run: Run, delayed: ImageDelayed, now: float, limits: Limits) -> Decision:
    """Let a run in the line wait for its image like a pod whose pull may still succeed."""
    if run.stage is not Stage.QUEUED:
        return run, ()  # a Job of a former process of the node has been seen
    failure = run.failure if run.waiting and run.failure else delayed.failure  # the first text
    seen = Waiting(Patience.LONG, RunStatus.NO_DOCKER_IMAGE, failure)
    return _wait_for(run, seen, now, limits)


def _stop(run: Run, why: KillRequested | DiskLimitExceeded) -> Decision:
    if isinstance(why, DiskLimitExceeded):
        return replace(run, excess=why.failure), (RemoveJob(),)
    run = replace(run, kill_requested=True)
    if run.stage is Stage.QUEUED:
        # A quota refused the last request for the Job. The answer to an earlier request may have
        # been lost: then there is a Job, which may be what takes up the quota.
        was_tried = run.waiting is not None
        return _end(run, RunStatus.KILLED, ends.KILLED, remove_job=was_tried)
    # Each kill request deletes the Job again: an earlier deletion may have come before the Job's
    # creation.
    return replace(run, stopping=True), (Stop(),)


def _decide_job(run: Run, job: JobObservation, now: float, limits: Limits) -> Decision:
    if job.gone and (run.kill_requested or run.excess) and run.pod_name:
        return run, ()  # the pod still ends, and its status will show when
    if job.gone:
        return _end(run, RunStatus.FAILED, ends.JOB_DELETED, remove_job=False)
    if job.failed_reason == "DeadlineExceeded":
        failure = ends.diagnose_deadline(job.failed_message)
        return _end(run, RunStatus.FAILED, failure, remove_job=True)
    if job.succeeded or job.failed_reason:
        return replace(run, job_succeeded=job.succeeded), (LookForPod(),)
    if run.kill_requested and (run.job_created_at is None or not run.stopping):
        # The Job was created after the request to delete it, or an earlier process died between
        # request and deletion.
        run, _ = _created(run, job.created_at)
        return replace(run, stopping=True), (Stop(),)
    run, reports = _created(run, job.created_at)
    run, more = _decide_queue(run, job, now, limits)
    return run, more or reports


def _decide_queue(run: Run, job: JobObservation, now: float, limits: Limits) -> Decision:
    """Let a run whose Job is suspended wait for room, until somebody resumes the Job."""
    if job.suspended is None or not run.is_starting or run.pod_name or run.stopping:
        return run, ()  # the pod, if there is one, decides
    if job.suspended:
        return _wait_for(run, diagnosis.in_queue(), now, limits)
    is_over = run.failure == diagnosis.IN_QUEUE
    return (replace(run, waiting=None, failure=None), (Report(),)) if is_over else (run, ())


def _created(run: Run, created_at: float | None) -> Decision:
    # The API's times are cut to whole seconds, so the later of two times is closer to the truth.
    # Once the container runs, an observation of the Job says nothing new about its creation.
    if created_at is not None and (run.job_created_at is None or run.started_at is None):
        known = max(created_at, run.received_at, run.job_created_at or 0.0)
        run = replace(run, job_created_at=min(known, run.started_at or known))
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
        run = replace(run, pod_name=pod.pod_name, waiting=None)  # the pod exists: the wait is over
    if pod.disruption in ends.NODE_IS_LOST:
        return _end(run, RunStatus.FAILED, ends.node_lost(pod.node_name), remove_job=True)
    if pod.phase == "Failed":
        status, failure = ends.diagnose_failed_pod(pod)
        return _end(run, status, failure, remove_job=False)
    if pod.running_since is not None:
        run, more = _running(run, times.finer(pod.running_since, pod.seen_at))
    elif run.status is RunStatus.ACTIVE:  # a container starts only once: the observation is old
        return run, reports
    else:
        run, more = _waiting(run, pod, now, limits)
    return run, more or reports


def _terminated(
    run: Run, pod: PodObservation, end: Terminated, diagnosed: tuple[RunStatus, Failure | None]
) -> Decision:
    status, failure = diagnosed
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
    """Return a time no earlier than the run's previous step: Kubernetes cuts times to seconds."""
    if moment is None:
        return None
    return max(moment, run.received_at, run.job_created_at or 0.0, run.started_at or 0.0)


def _waiting(run: Run, pod: PodObservation, now: float, limits: Limits) -> Decision:
    seen = diagnosis.diagnose_waiting(pod)
    if seen is not None:
        return _wait_for(run, seen, now, limits)
    if run.waiting is not None or run.failure is None:
        return run, ()
    return replace(run, failure=None), (Report(),)  # the pod no longer waits


def _wait_for(run: Run, seen: Waiting, now: float, limits: Limits) -> Decision:
    if waits.only_repeats(run.waiting, seen):
        return _overdue(run, now)
    wait = waits.next_wait(run.waiting, seen, now, limits)
    # A pod about to start is no trouble yet, so the server hears nothing before the limit.
    shown = seen.failure if seen.is_trouble else None
    changed = run.failure != shown
    ended, actions = _overdue(replace(run, waiting=wait, failure=shown), now)
    if actions:
        return ended, actions
    return ended, (Report(),) if changed else ()


def _decide_events(run: Run, seen: EventsSeen, now: float, limits: Limits) -> Decision:
    wait = run.waiting
    if wait is None or wait.look_at == math.inf or seen.pod_name != run.pod_name:
        return run, ()  # by now the pod's status tells more, or the run has a pod
    diagnosed = diagnose_events(seen.events)
    if diagnosed is None and not wait.by_events:
        return run, ()
    if diagnosed is None:  # the trouble in the earlier Events is over
        run = replace(run, waiting=replace(wait, by_events=False))
        diagnosed = diagnosis.unexplained(run.pod_name)
    return _wait_for(run, diagnosed, now, limits)


def _tick(run: Run, now: float, limits: Limits) -> Decision:
    if run.is_starting and run.waiting is None and not run.stopping:
        run, _ = _wait_for(run, diagnosis.unexplained(run.pod_name), now, limits)
    if run.stage is Stage.ACCEPTED:
        return run, ()  # the Job is being created: the API's response decides
    ended, actions = _overdue(run, now)
    if actions or run.waiting is None or now < run.waiting.look_at:
        return ended, actions
    return replace(run, waiting=waits.after_look(run.waiting, now)), (LookForEvents(),)


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
