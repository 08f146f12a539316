"""Runs that do not start and show no reason: the node reads Events and keeps their reasons."""

import itertools

import pytest

from node_poc.config.model import Limits
from node_poc.runs.lifecycle import Collect, LookForEvents, Report, decide
from node_poc.runs.model import Run
from node_poc.runs.observed import (
    ClusterEvent,
    EventsSeen,
    JobObservation,
    KillRequested,
    PodObservation,
    Tick,
)
from node_poc.runs.status import RunStatus

LIMITS = Limits(hopeless_seconds=10, schedule_seconds=100, start_seconds=1000)
JOB = JobObservation(7, created_at=1.0)
QUOTA = EventsSeen(7, "", (ClusterEvent("FailedCreate", "is forbidden: exceeded quota: q"),))
MISSING = ClusterEvent("FailedMount", 'volume "database-4" : hostPath type check failed: /x')
NO_FILE = EventsSeen(7, "pod-1", (MISSING,))
NOTHING = EventsSeen(7, "pod-1")
CREATING = PodObservation(7, "pod-1", "Pending", waiting_reason="ContainerCreating")


def follow(*steps, run=None):
    run, actions = run or Run(7, "digest", received_at=0.0), []
    for observation, now in steps:
        run, more = decide(run, observation, now, LIMITS)
        actions += [(action, now) for action in more]
    return run, actions


def ticks(begin, end):
    return [(Tick(7), float(now)) for now in range(begin, end)]


def looks(actions):
    return [now for action, now in actions if action == LookForEvents()]


def cause(run):
    return run.failure and run.failure.cause


@pytest.mark.parametrize(
    "seen", [[], [(CREATING, 0.0)], [(PodObservation(7, "pod-1", "Pending"), 0.0)]]
)
def test_events_are_asked_for_after_some_seconds_and_then_ever_more_seldom(seen):
    run, actions = follow((JOB, 0.0), *seen, *ticks(0, 300))
    assert looks(actions)[0] == 4
    pauses = [after - before for before, after in itertools.pairwise(looks(actions))]
    assert pauses == sorted(pauses)
    assert max(pauses) == 60
    assert all(len([at for at in looks(actions) if m <= at < m + 60]) <= 4 for m in range(300))
    assert run.failure is None  # a wait without trouble is reported to nobody


@pytest.mark.parametrize(
    "seen",
    [
        PodObservation(7, "pod-1", "Pending", unschedulable="no room"),
        PodObservation(7, "pod-1", "Pending", waiting_reason="ErrImagePull"),
        PodObservation(7, "pod-1", "Running", running_since=2.0),
        KillRequested(7),
    ],
)
def test_events_are_not_asked_for_where_the_reason_is_known(seen):
    assert looks(follow((JOB, 0.0), (seen, 0.0), *ticks(1, 90))[1]) == []


def test_a_run_that_never_gets_a_pod_ends():
    run, actions = follow((JOB, 0.0), (Tick(7), 0.0), (Tick(7), 999.0))
    assert run.status is RunStatus.INITIALIZING
    run, actions = follow((Tick(7), 1000.0), run=run)
    assert (run.status, cause(run)) == (RunStatus.START_FAILED, "PodNotCreated")
    assert actions == [(Collect(remove_job=True), 1000.0)]


def test_what_events_tell_is_told_once_and_counted_from_the_first_time():
    steps = [(JOB, 0.0), (CREATING, 0.0), (Tick(7), 4.0), (NO_FILE, 5.0)]
    run, actions = follow(*steps, (CREATING, 6.0), (NO_FILE, 7.0), (Tick(7), 14.9))
    assert cause(run) == "DatabaseMissing"
    assert [now for action, now in actions if action == Report()] == [0.0, 5.0]
    run, actions = follow((Tick(7), 15.0), run=run)
    assert (run.status, cause(run)) == (RunStatus.START_FAILED, "DatabaseMissing")
    assert actions == [(Collect(remove_job=True), 15.0)]


def test_what_events_do_not_tell_any_more_is_over():
    steps = [(JOB, 0.0), (CREATING, 0.0), (Tick(7), 4.0), (NO_FILE, 5.0), (NOTHING, 14.0)]
    run, actions = follow(*steps, (Tick(7), 100.0))
    assert (run.status, run.failure) == (RunStatus.INITIALIZING, None)
    assert (Report(), 14.0) in actions


def test_a_visible_reason_replaces_what_events_told():
    image = PodObservation(7, "pod-1", "Pending", waiting_reason="ErrImagePull")
    run, _ = follow((JOB, 0.0), (CREATING, 0.0), (Tick(7), 4.0), (NO_FILE, 5.0), (image, 6.0))
    assert cause(run) == "ImagePullError"
    assert cause(follow((NO_FILE, 7.0), run=run)[0]) == "ImagePullError"


@pytest.mark.parametrize("pod", [CREATING, PodObservation(7, "pod-1", "Pending")])
def test_a_pod_ends_the_wait_for_quota(pod):
    run, _ = follow((JOB, 0.0), (Tick(7), 0.0), (Tick(7), 4.0), (QUOTA, 4.0))
    assert cause(run) == "QuotaExceeded"
    run, actions = follow((pod, 5.0), run=run)
    assert (run.failure, actions) == (None, [(Report(), 5.0)])
    run, _ = follow((QUOTA, 6.0), *ticks(6, 200), run=run)  # a response that arrives late
    assert (run.status, run.failure) == (RunStatus.INITIALIZING, None)


def test_a_wait_for_quota_ends_at_its_time():
    run, _ = follow((JOB, 0.0), (Tick(7), 0.0), (Tick(7), 4.0), (QUOTA, 4.0), *ticks(5, 104))
    assert run.status is RunStatus.INITIALIZING
    run, _ = follow((Tick(7), 104.0), run=run)
    assert (run.status, cause(run)) == (RunStatus.START_FAILED, "QuotaExceeded")
