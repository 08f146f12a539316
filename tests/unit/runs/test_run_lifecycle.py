from dataclasses import replace

import pytest

from node_poc.config.model import Limits
from node_poc.runs.lifecycle import Collect, RemoveJob, Report, decide
from node_poc.runs.model import Failure, Run, Stage
from node_poc.runs.observed import (
    DiskLimitExceeded,
    ImageDelayed,
    JobObservation,
    KillRequested,
    PodObservation,
    StartRefused,
    Terminated,
    Tick,
)
from node_poc.runs.status import RunStatus

LIMITS = Limits(pull_seconds=100, hopeless_seconds=10)
RUN = Run(7, "digest", received_at=1000.0)
JOB = JobObservation(7, created_at=1001.0)
ABSENT = "localhost/x: not found"
FAILURE = Failure("Forbidden", "no", "ask")
PASSED = DiskLimitExceeded(7, Failure("DiskLimitExceeded", "too much", "less"))


def pod(**shown):
    return PodObservation(7, "pod-1", **{"phase": "Pending"} | shown)


def waits(reason, message=""):
    return pod(waiting_reason=reason, waiting_message=message)


def ended(exit_code=0, **details):
    end = Terminated(exit_code, started_at=1002.0, ended_at=1003.0, **details)
    return pod(phase="Failed" if exit_code else "Succeeded", terminated=end)


def behind_gate(exit_code, **details):
    end = Terminated(exit_code, "Error")
    return pod(phase="Failed", waiting_reason="PodInitializing", gate_end=end, **details)


RUNNING = pod(phase="Running", running_since=1002.0)


def follow(*steps, run=RUN):
    """Show a run (observation, now) pairs; return the run and all actions."""
    actions = []
    for step in steps:
        observation, now = step if isinstance(step, tuple) else (step, 0.0)
        run, more = decide(run, observation, now, LIMITS)
        actions += more
    return run, actions


def test_a_run_waits_for_its_registry_as_long_as_for_a_pull_and_tells_once():
    run = replace(RUN, stage=Stage.QUEUED)
    again = ImageDelayed(7, replace(FAILURE, site_detail="other words"))
    run, actions = follow(ImageDelayed(7, FAILURE), (again, 50.0), (Tick(7), 99.0), run=run)
    assert (run.stage, run.failure, actions) == (Stage.QUEUED, FAILURE, [Report()])
    run, actions = follow((Tick(7), 100.0), run=run)
    assert (run.status, run.failure) == (RunStatus.NO_DOCKER_IMAGE, FAILURE)
    assert actions == [Collect(remove_job=True)]


# --- the table: the observations, and the run's status and actions afterwards


@pytest.mark.parametrize(
    ("steps", "status", "actions"),
    [
        ([JOB], RunStatus.INITIALIZING, [Report()]),
        ([JOB, JOB], RunStatus.INITIALIZING, [Report()]),
        ([pod()], RunStatus.INITIALIZING, [Report()]),
        ([JOB, RUNNING], RunStatus.ACTIVE, [Report(), Report()]),
        ([JOB, RUNNING, RUNNING], RunStatus.ACTIVE, [Report(), Report()]),
        ([JOB, RUNNING, pod()], RunStatus.ACTIVE, [Report(), Report()]),
        ([JOB, RUNNING, JOB], RunStatus.ACTIVE, [Report(), Report()]),
        ([JOB, waits("ContainerCreating")], RunStatus.INITIALIZING, [Report()]),
        ([JOB, ended()], RunStatus.COMPLETED, [Report(), Collect(remove_job=False)]),
        ([ended()], RunStatus.COMPLETED, [Collect(remove_job=False)]),
        ([JOB, ended(1)], RunStatus.CRASHED, [Report(), Collect(remove_job=False)]),
        ([StartRefused(7, FAILURE)], RunStatus.START_FAILED, [Collect(remove_job=True)]),
        (
            [StartRefused(7, FAILURE, RunStatus.NOT_ALLOWED)],
            RunStatus.NOT_ALLOWED,
            [Collect(remove_job=True)],
        ),
        ([JOB, ImageDelayed(7, FAILURE)], RunStatus.INITIALIZING, [Report()]),
        ([JOB, pod(gone=True)], RunStatus.FAILED, [Report(), Collect(remove_job=True)]),
        (
            [JOB, pod(phase="Failed", reason="Evicted")],
            RunStatus.FAILED,
            [Report(), Collect(remove_job=False)],
        ),
        (
            [JOB, JobObservation(7, gone=True)],
            RunStatus.FAILED,
            [Report(), Collect(remove_job=False)],
        ),
        (
            [JOB, JobObservation(7, failed_reason="DeadlineExceeded")],
            RunStatus.FAILED,
            [Report(), Collect(remove_job=True)],
        ),
        (
            [JOB, waits("InvalidImageName")],
            RunStatus.NO_DOCKER_IMAGE,
            [Report(), Collect(remove_job=True)],
        ),
        ([JOB, Tick(7)], RunStatus.INITIALIZING, [Report()]),
        (
            [JOB, RUNNING, PASSED, PASSED, ended(143)],
            RunStatus.CRASHED,
            [Report(), Report(), RemoveJob(), RemoveJob(), Collect(remove_job=False)],
        ),
        ([JOB, ended(), PASSED], RunStatus.COMPLETED, [Report(), Collect(remove_job=False)]),
    ],
)
def test_what_is_seen_and_what_follows(steps, status, actions):
    run, done = follow(*steps)
    assert (run.status, done) == (status, actions)


@pytest.mark.parametrize("end", [ended(143), ended(), pod(gone=True)])
@pytest.mark.parametrize("job_first", [True, False])
def test_a_run_that_took_too_much_ends_for_that_when_its_pod_has_ended(end, job_first):
    gone = [JobObservation(7, gone=True)] if job_first else []
    run, actions = follow(JOB, RUNNING, PASSED, *gone)
    assert not run.has_ended
    run, actions = follow(end, run=run)
    assert (run.status, run.failure) == (RunStatus.CRASHED, PASSED.failure)
    assert [type(action) for action in actions] == [Collect]


def test_a_run_that_took_too_much_and_is_killed_as_well_is_killed():
    run, _ = follow(JOB, RUNNING, PASSED, KillRequested(7), ended(143))
    assert run.status is RunStatus.KILLED


def test_a_pod_that_was_deleted_after_it_had_ended_is_what_its_container_says():
    run, _ = follow(JOB, PodObservation(7, "p", "Succeeded", terminated=Terminated(0), gone=True))
    assert run.status is RunStatus.COMPLETED


def test_the_times_of_a_run():
    run, _ = follow(JOB, RUNNING, ended())
    assert (run.job_created_at, run.started_at, run.ended_at) == (1001.0, 1002.0, 1003.0)


def test_a_job_that_is_seen_again_later_keeps_its_time():
    run, _ = follow(
        JobObservation(7, created_at=1001.2), RUNNING, JobObservation(7, created_at=1001.0)
    )
    assert run.job_created_at == 1001.2
    run, _ = follow(JobObservation(7, created_at=1009.0), run=run)
    assert run.job_created_at == 1001.2


def test_a_job_that_is_seen_after_its_pod_is_not_younger_than_the_container():
    run, _ = follow(RUNNING, JobObservation(7, created_at=1002.5))
    assert run.job_created_at == 1002.0


def test_a_job_is_not_older_than_its_run():
    """Kubernetes truncates times to whole seconds."""
    run, _ = follow(JobObservation(7, created_at=999.0))
    assert run.job_created_at == 1000.0


# --- waiting


def test_one_error_of_the_image_is_not_the_end():
    run, actions = follow(JOB, (waits("ErrImagePull", ABSENT), 0.0))
    assert run.status is RunStatus.INITIALIZING
    assert run.failure.cause == "ImageNotFound"
    assert actions == [Report(), Report()]


@pytest.mark.parametrize("again", [waits("ImagePullBackOff", "Back-off"), Tick(7)])
def test_an_image_that_stays_away_is_the_end_after_its_time(again):
    steps = [JOB, (waits("ErrImagePull", ABSENT), 5.0)]
    run, _ = follow(*steps, (again, 7.9))
    assert run.status is RunStatus.INITIALIZING
    run, actions = follow(*steps, (again, 8.0))
    assert run.status is RunStatus.NO_DOCKER_IMAGE
    assert actions[-1] == Collect(remove_job=True)
    assert run.failure.cause == "ImageNotFound"  # not: ImagePullBackOff


def test_an_error_that_may_pass_is_waited_for_longer():
    steps = [JOB, (waits("ErrImagePull", "i/o timeout"), 0.0)]
    assert follow(*steps, (Tick(7), 99.0))[0].status is RunStatus.INITIALIZING
    assert follow(*steps, (Tick(7), 100.0))[0].status is RunStatus.NO_DOCKER_IMAGE


def test_an_image_that_comes_after_all_leaves_no_trace():
    steps = [JOB, waits("ErrImagePull", ABSENT), RUNNING, (Tick(7), 1e6), ended()]
    run, _ = follow(*steps)
    assert (run.status, run.failure, run.waiting) == (RunStatus.COMPLETED, None, None)


def test_a_run_that_waits_for_room_waits_without_end():
    run, actions = follow(JOB, pod(unschedulable="0/1 nodes"), (Tick(7), 1e9))
    assert run.status is RunStatus.INITIALIZING
    assert run.failure.detail
    assert actions == [Report(), Report()]


def test_the_same_wait_is_told_once():
    _, actions = follow(JOB, *[waits("ErrImagePull", "i/o timeout")] * 5)
    assert actions == [Report(), Report()]


@pytest.mark.parametrize(
    "told", ["no match for platform in manifest", ABSENT, "pull access denied"]
)
def test_a_hopeless_image_ends_although_the_kubelet_only_repeats_that_it_backs_off(told):
    run = RUN
    for now, seen in enumerate(
        [waits("ErrImagePull", told), waits("ImagePullBackOff", "Back-off")]
    ):
        run, _ = decide(run, seen, float(now), LIMITS)
    cause = run.failure.cause
    run, actions = decide(run, waits("ErrImagePull", told), 10.0, LIMITS)
    assert (run.status, run.failure.cause) == (RunStatus.NO_DOCKER_IMAGE, cause)
    assert actions == (Collect(remove_job=True),)


@pytest.mark.parametrize(
    ("exit_code", "cause"), [(3, "WallsNotUp"), (1, "GateNotStarted"), (137, "GateNotStarted")]
)
def test_a_run_whose_gate_stays_closed_never_started(exit_code, cause):
    run, actions = follow(JOB, behind_gate(exit_code))
    assert (run.status, run.failure.cause) == (RunStatus.START_FAILED, cause)
    assert run.exit_code is None
    assert actions[-1] == Collect(remove_job=False)


@pytest.mark.parametrize("reason", ["Unknown", "ContainerStatusUnknown"])
def test_a_gate_that_the_machine_lost_sight_of_is_a_lost_container(reason):
    """containerd was killed, and does not know how the gate ended."""
    lost = pod(phase="Failed", gate_end=Terminated(255, reason))
    run, _ = follow(JOB, lost)
    assert (run.status, run.failure.cause) == (RunStatus.FAILED, "ContainerLost")


def test_a_pod_that_is_evicted_at_its_gate_was_evicted():
    run, _ = follow(JOB, behind_gate(137, reason="Evicted", message="low on memory"))
    assert run.failure.cause == "Evicted"


def test_a_run_that_is_killed_at_its_gate_is_killed():
    run, _ = follow(JOB, KillRequested(7), behind_gate(143))
    assert run.status is RunStatus.KILLED


def test_a_gate_that_cannot_start_is_no_trouble_of_the_researchers_image():
    waiting = pod(waiting_reason="PodInitializing", gate_waiting="ErrImagePull: no such host")
    run, actions = follow(JOB, waiting)
    assert run.failure.cause == "GateNotStarted"
    assert "no such host" in run.failure.site_detail
    assert "no such host" not in run.failure.detail + run.failure.advice
    assert Report() in actions
    opened, _ = follow(RUNNING, run=run)
    assert (opened.status, opened.failure) == (RunStatus.ACTIVE, None)
