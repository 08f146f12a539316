"""A run that a person wants to kill, whenever the kill request comes."""

from dataclasses import replace

import pytest

from node_poc.config.model import Limits
from node_poc.runs.lifecycle import Collect, LookForPod, Stop, decide
from node_poc.runs.model import Failure, Run, Stage
from node_poc.runs.observed import (
    JobObservation,
    KillRequested,
    PodObservation,
    StartPutOff,
    StartRefused,
    Terminated,
)
from node_poc.runs.status import RunStatus

RUN = Run(7, "digest", received_at=1000.0)
KILL = KillRequested(7)
JOB = JobObservation(7, created_at=1001.0)
JOB_GONE = JobObservation(7, gone=True)
POD = PodObservation(7, "pod-1", "Running", running_since=1002.0)
POD_GONE = PodObservation(7, "pod-1", "Running", gone=True)


def after(run, *observations):
    """Return the run and all actions after the given observations."""
    actions = []
    for observation in observations:
        run, more = decide(run, observation, 0.0, Limits())
        actions += more
    return run, actions


def test_a_queued_run_ends_at_once_and_no_job_is_ever_made():
    run, actions = after(replace(RUN, stage=Stage.QUEUED), KILL)
    assert (run.status, run.stage) == (RunStatus.KILLED, Stage.COLLECTING)
    assert actions == [Collect(remove_job=False)]


def test_a_run_that_a_quota_put_off_may_have_a_job_all_the_same():
    """The answer to its first request was lost, and the Job itself used up the quota."""
    put_off = StartPutOff(7, Failure("QuotaExceeded", "detail", "advice"))
    run, actions = after(RUN, put_off, KILL)
    assert (run.status, run.stage) == (RunStatus.KILLED, Stage.COLLECTING)
    assert actions[-1] == Collect(remove_job=True)


def test_a_running_run_ends_when_its_pod_has_ended():
    run, actions = after(RUN, JOB, POD, KILL)
    assert actions[-1] == Stop()
    assert not run.has_ended
    run, actions = after(run, JOB_GONE)
    assert (actions, run.has_ended) == ([], False)  # its pod is still ending
    ended = replace(POD, running_since=None, terminated=Terminated(143))
    run, actions = after(run, ended)
    assert (run.status, run.exit_code) == (RunStatus.KILLED, 143)
    assert run.failure.cause == "KilledByUser"
    assert actions == [Collect(remove_job=False)]


@pytest.mark.parametrize("last", [POD_GONE, replace(POD, terminated=Terminated(0))])
def test_whatever_the_pod_shows_in_the_end_it_was_killed(last):
    run, _ = after(RUN, JOB, POD, KILL, last)
    assert run.status is RunStatus.KILLED


def test_a_job_without_a_pod_ends_with_the_job():
    run, _ = after(RUN, JOB, KILL, JOB_GONE)
    assert run.status is RunStatus.KILLED


def test_a_job_that_was_made_after_it_was_to_be_removed_is_removed_again():
    run, actions = after(RUN, KILL, JOB)
    assert actions == [Stop(), Stop()]
    run, actions = after(run, JOB)
    assert actions == []


def test_a_second_wish_has_the_job_removed_again_and_changes_nothing_else():
    """The first removal may be lost, and removing an absent Job is harmless."""
    run, _ = after(RUN, JOB, KILL)
    assert after(run, KILL) == (run, [Stop()])


def test_a_job_that_is_seen_after_its_pod_is_removed_again():
    """At the kill there was no Job yet to remove, and the pod's watch was faster than the Job's."""
    run, actions = after(RUN, KILL, POD, JOB)
    assert actions.count(Stop()) == 2
    assert after(run, JOB)[1] == []


def test_a_job_that_exists_was_not_refused():
    """The response to the create was lost, the Job was seen, and the next attempt was refused."""
    run, _ = after(RUN, JOB, POD)
    assert after(run, StartRefused(7, Failure("Forbidden", "no", "ask"))) == (run, [])


@pytest.mark.parametrize("stage", [Stage.QUEUED, Stage.CREATED])
def test_a_wish_of_a_former_process_is_carried_out(stage):
    """The kill was saved, and the process died before it removed the Job."""
    run = replace(RUN, stage=stage, kill_requested=True)
    run, actions = after(run, JOB)
    assert Stop() in actions
    assert after(run, JOB)[1] == []
    assert after(run, JOB_GONE)[0].status is RunStatus.KILLED


def test_a_run_whose_job_is_over_keeps_its_pod_until_it_was_looked_at():
    run = replace(RUN, stage=Stage.CREATED, kill_requested=True)
    _, actions = after(run, JobObservation(7, succeeded=True))
    assert actions == [LookForPod()]


def test_a_run_that_has_ended_is_not_killed():
    run, _ = after(RUN, JOB, replace(POD, terminated=Terminated(0)))
    assert after(run, KILL) == (run, [])
