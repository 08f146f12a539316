"""Whatever the observations, their order, repeats and gaps: every run ends, and ends once."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node_poc.config.model import Limits
from node_poc.runs.lifecycle import Collect, Stop, decide
from node_poc.runs.model import Failure, Run, Stage
from node_poc.runs.observed import (
    ClusterEvent,
    EventsSeen,
    JobObservation,
    KillRequested,
    PodObservation,
    StartRefused,
    Terminated,
    Tick,
)
from node_poc.runs.status import RunStatus

LIMITS = Limits(pull_seconds=100, hopeless_seconds=10)
ENDING_LIMITS = Limits(pull_seconds=100, hopeless_seconds=10, schedule_seconds=100, run_seconds=60)
RUN = Run(7, "digest", received_at=1000.0)
JOB = JobObservation(7, created_at=1001.0)
ABSENT = "localhost/x: not found"
FAILURE = Failure("Forbidden", "no", "ask")


def ended(exit_code=0):
    end = Terminated(exit_code, started_at=1002.0, ended_at=1003.0)
    phase = "Failed" if exit_code else "Succeeded"
    return PodObservation(7, "pod-1", phase, terminated=end)


def follow(*observations, run=RUN):
    """Show a run observations, or (observation, now) pairs; return the run and all actions."""
    actions = []
    for step in observations:
        observation, now = step if isinstance(step, tuple) else (step, 0.0)
        run, more = decide(run, observation, now, LIMITS)
        actions += more
    return run, actions


_REASONS = ["", "ContainerCreating", "ErrImagePull", "ImagePullBackOff", "InvalidImageName"]
_PODS = st.builds(
    PodObservation,
    run_id=st.just(7),
    pod_name=st.sampled_from(["pod-1", "pod-2"]),
    phase=st.sampled_from(["", "Pending", "Running", "Succeeded", "Failed", "Unknown"]),
    reason=st.sampled_from(["", "Evicted", "NodeLost", "Odd"]),
    unschedulable=st.sampled_from(["", "no room"]),
    disruption=st.sampled_from(["", "DeletionByTaintManager", "PreemptionByScheduler", "Odd"]),
    created_at=st.none() | st.floats(0, 2000),
    deleted_at=st.none() | st.floats(0, 2000),
    waiting_reason=st.sampled_from([*_REASONS, "CreateContainerError", "Odd"]),
    waiting_message=st.sampled_from(["", ABSENT, "i/o timeout", "unauthorized"]),
    running_since=st.none() | st.floats(0, 2000),
    terminated=st.none()
    | st.builds(
        Terminated,
        exit_code=st.integers(0, 255),
        reason=st.sampled_from(["", "OOMKilled", "StartError"]),
        signal=st.integers(0, 20),
        ended_at=st.none() | st.floats(0, 2000),
    ),
    gone=st.booleans(),
)
_JOBS = st.builds(
    JobObservation,
    run_id=st.just(7),
    created_at=st.none() | st.floats(0, 2000),
    failed_reason=st.sampled_from(["", "DeadlineExceeded", "BackoffLimitExceeded"]),
    delivered=st.booleans(),
    gone=st.booleans(),
)
_EVENTS = st.builds(
    EventsSeen,
    run_id=st.just(7),
    pod_name=st.sampled_from(["", "pod-1", "pod-2"]),
    events=st.lists(
        st.builds(
            ClusterEvent,
            reason=st.sampled_from(["FailedCreate", "FailedMount", "Pulling", "Odd"]),
            message=st.sampled_from(["", "exceeded quota", "is forbidden", "hostPath type check"]),
        ),
        max_size=3,
    ).map(tuple),
)
_SEEN = (
    _PODS | _JOBS | _EVENTS | st.sampled_from([StartRefused(7, FAILURE), Tick(7), KillRequested(7)])
)
_STARTS = st.sampled_from([RUN, replace(RUN, stage=Stage.QUEUED)])
_HISTORIES = st.lists(st.tuples(_SEEN, st.floats(0, 60)), max_size=30)
_STAGES = list(Stage)


# Thousands of histories: Hypothesis draws only which of these observations comes next.
_CHOSEN = random.Random(7)  # noqa: S311  no secret


def _any_pod():
    waiting = _CHOSEN.choice([*_REASONS, "CreateContainerError", "Odd"])
    end = Terminated(
        _CHOSEN.choice([0, 0, 1, 137, 143]),
        reason=_CHOSEN.choice(["", "OOMKilled", "StartError", "ContainerStatusUnknown"]),
        ended_at=_CHOSEN.choice([None, 5.0, 50.0]),
    )
    state = _CHOSEN.choice(["", "", "waiting", "waiting", "running", "terminated"])
    return PodObservation(
        7,
        _CHOSEN.choice(["pod-1", "pod-1", "pod-2"]),
        _CHOSEN.choice(["Pending", "Pending", "Running", "Succeeded", "Failed"]),
        reason=_CHOSEN.choice(["", "", "Evicted"]),
        unschedulable=_CHOSEN.choice(["", "", "no room"]),
        waiting_reason=waiting if state == "waiting" else "",
        waiting_message=_CHOSEN.choice(["", ABSENT, "i/o timeout", "unauthorized"]),
        running_since=5.0 if state == "running" else None,
        terminated=end if state == "terminated" else None,
        disruption=_CHOSEN.choice(["", "", "", "DeletionByTaintManager", "Odd"]),
        deleted_at=_CHOSEN.choice([None, 5.0, 50.0]),
        gone=_CHOSEN.random() < 0.1,
    )


def _any_events():
    words = ["FailedCreate", "FailedMount", "Pulling", "Odd"]
    texts = ["", "exceeded quota", "is forbidden", "hostPath type check failed"]
    events = [ClusterEvent(_CHOSEN.choice(words), _CHOSEN.choice(texts)) for _ in range(2)]
    return EventsSeen(7, _CHOSEN.choice(["", "pod-1", "pod-2"]), tuple(events))


_POOL = [
    *[_any_pod() for _ in range(600)],
    *[_any_events() for _ in range(200)],
    *[JOB, replace(JOB, succeeded=True), replace(JOB, gone=True)] * 20,
    *[replace(JOB, failed_reason=reason) for reason in ("DeadlineExceeded", "Odd")] * 20,
    *[Tick(7)] * 200,
    *[KillRequested(7)] * 60,
    *[StartRefused(7, FAILURE)] * 10,
]
_STEPS = st.tuples(st.sampled_from(_POOL), st.sampled_from([0.0, 0.5, 1.0, 4.0, 11.0, 60.0]))


@pytest.mark.timeout(300)
@settings(max_examples=10_000, deadline=None)
@given(_STARTS, st.lists(_STEPS, max_size=20))
def test_ten_thousand_histories_end_once_and_never_go_back(start, history):
    check_history(start, history)
    now, run = 0.0, start
    for observation, gap in [(JOB, 0.0), *history, *[(Tick(7), 5000.0)] * 4, (ended(), 0.0)]:
        now += gap
        waits_for_its_end = run.status is RunStatus.ACTIVE or run.stopping
        if observation == ended():  # until this observation, only timeouts can end the run
            assert run.status.is_final or waits_for_its_end
        run, _ = decide(run, observation, now, ENDING_LIMITS)
    assert run.status.is_final


@settings(max_examples=600)
@given(_STARTS, _HISTORIES)
def test_a_run_never_goes_back_and_is_collected_once(run, history):
    check_history(run, history)


class KillWatch:
    """A kill leads to Stop once the Job exists, in either order and with anything in between."""

    def __init__(self):
        self.wanted = self.exists = False

    def check(self, observation, run, actions):
        is_kill = isinstance(observation, KillRequested)
        shows_job = isinstance(observation, JobObservation) and is_going(observation)
        is_news = is_kill or (shows_job and not self.exists)
        self.wanted |= is_kill
        self.exists |= shows_job
        if self.wanted and self.exists and is_news and not run.has_ended:
            assert Stop() in actions


def is_going(job):
    over = job.gone or job.succeeded or job.failed_reason
    return not over and job.created_at is not None


def check_history(run, history):
    now, collected = 0.0, 0
    kill = KillWatch()
    for observation, gap in history:
        now += gap
        before = run
        run, actions = decide(run, observation, now, LIMITS)
        kill.check(observation, run, actions)
        assert before.status is not RunStatus.ACTIVE or run.status is before.status or run.has_ended
        assert _STAGES.index(run.stage) >= _STAGES.index(before.stage)
        collects = [action for action in actions if isinstance(action, Collect)]
        collected += len(collects)
        if before.stage is Stage.COLLECTING:
            assert (run, actions) == (before, ())
        assert (run.stage is Stage.COLLECTING) == bool(collected) == run.status.is_final
        assert (run.run_id, run.digest, run.received_at) == (7, "digest", 1000.0)
        if run.waiting is not None:
            assert run.waiting.since <= now
    assert collected <= 1


@settings(max_examples=300)
@given(_HISTORIES, st.integers(0, 255))
def test_every_run_ends_once_its_container_has(history, exit_code):
    run, _ = follow(*history, ended(exit_code))
    assert run.status.is_final


@settings(max_examples=300)
@given(st.lists(_SEEN, max_size=15))
def test_repeating_everything_changes_nothing_more(observations):
    once, _ = follow(*observations)
    if once.stage is Stage.COLLECTING:
        twice, actions = follow(*observations, run=once)
        assert (twice, actions) == (once, [])


@pytest.mark.parametrize("stage", [Stage.COLLECTING, Stage.FINISHED])
@given(seen=_SEEN)
def test_an_ended_run_is_deaf(stage, seen):
    run = Run(7, "d", 0.0, stage=stage, status=RunStatus.COMPLETED)
    assert decide(run, seen, 1.0, LIMITS) == (run, ())
