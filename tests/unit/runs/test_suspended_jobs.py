"""Runs whose Job is suspended, as Kueue does: they wait until somebody resumes the Job."""

from node_poc.config.model import Limits
from node_poc.runs.lifecycle import Collect, Report, decide
from node_poc.runs.observed import JobObservation, KillRequested, Tick
from node_poc.runs.status import RunStatus
from tests.unit.runs.test_run_lifecycle import JOB, LIMITS, RUN, RUNNING, follow, pod

SUSPENDED, RESUMED = (JobObservation(7, created_at=1001.0, suspended=s) for s in (True, False))


def test_a_run_waits_in_a_queue_without_end_and_starts_when_its_job_is_resumed():
    """A suspended Job has no pod, so the limit for a start does not count yet."""
    late = LIMITS.start_seconds + 1
    run, actions = follow((JOB, 0), (SUSPENDED, 0), (JOB, 1), (SUSPENDED, 2), (Tick(7), late))
    assert (run.status, run.failure.cause) == (RunStatus.INITIALIZING, "InQueue")
    assert actions == [Report(), Report()]
    run, actions = follow((RESUMED, late), (Tick(7), late), run=run)
    assert (run.failure, actions) == (None, [Report()])
    run, actions = follow((Tick(7), 2 * late), run=run)
    assert (run.status, run.failure.cause) == (RunStatus.START_FAILED, "PodNotCreated")


def test_a_run_in_a_queue_may_have_a_limit():
    limits = Limits(schedule_seconds=5)
    run, _ = decide(RUN, SUSPENDED, 0.0, limits)
    run, actions = decide(run, Tick(7), 5.0, limits)
    assert (run.status, run.failure.cause) == (RunStatus.START_FAILED, "InQueue")
    assert actions == (Collect(remove_job=True),)


def test_a_run_that_is_taken_out_of_its_machine_does_not_start_twice():
    """Kueue preempts a run: it suspends the Job, and Kubernetes removes the pod."""
    run, actions = follow(JOB, RUNNING, SUSPENDED, pod(gone=True))
    assert run.status is RunStatus.FAILED
    assert actions[-1] == Collect(remove_job=True)


def test_a_run_in_a_queue_is_killed():
    run, _ = follow(SUSPENDED, KillRequested(7), JobObservation(7, gone=True))
    assert run.status is RunStatus.KILLED
