"""Refusals by quotas and LimitRanges, in the words of their admission plugins."""

from dataclasses import replace

import pytest

from node_poc.config.model import Limits
from node_poc.runs.diagnosis import Patience
from node_poc.runs.event_diagnosis import diagnose_refused_job
from node_poc.runs.lifecycle import Collect, Report, decide
from node_poc.runs.model import Failure, Run, Stage
from node_poc.runs.observed import JobObservation, KillRequested, StartPutOff, Tick
from node_poc.runs.quotas import diagnose_quota, never_fits
from node_poc.runs.status import RunStatus

FORBIDDEN = '"x" is forbidden: '
FULL = Failure("QuotaExceeded", "the quota is used up", "wait", "used: 2")
RUN = Run(7, "digest", received_at=1000.0)
PUT_OFF = StartPutOff(7, FULL)


def exceeded(requested, used, limited):
    told = f"exceeded quota: q, requested: {requested}, used: {used}, limited: {limited}"
    return f"jobs.batch {FORBIDDEN}{told}"


@pytest.mark.parametrize(
    ("requested", "used", "limited", "lacking"),
    [
        ("count/jobs.batch=1", "count/jobs.batch=2", "count/jobs.batch=2", ()),
        ("pods=1", "pods=0", "pods=0", ()),  # a quota that allows no pods for now
        ("limits.cpu=2", "limits.cpu=1", "limits.cpu=2", ()),
        ("limits.cpu=2", "limits.cpu=0", "limits.cpu=1500m", ("limits.cpu",)),
        (
            "cpu=1,limits.memory=2Gi,pods=1",
            "cpu=0,limits.memory=0,pods=9",
            "cpu=2,limits.memory=2G,pods=9",
            ("limits.memory",),
        ),
        ("requests.storage=5Gi", "requests.storage=1Gi", "requests.storage=5Gi", ()),
        (
            "requests.nvidia.com/gpu=2",
            "requests.nvidia.com/gpu=0",
            "requests.nvidia.com/gpu=1",
            ("requests.nvidia.com/gpu",),
        ),
        ("cpu=odd", "cpu=0", "cpu=1", ()),  # the run waits if a quantity is unknown
    ],
)
def test_more_than_the_hard_limit_never_fits(requested, used, limited, lacking):
    message = exceeded(requested, used, limited)
    assert never_fits(message) == lacking
    seen = diagnose_quota(message)
    assert seen.patience is (Patience.SHORT if lacking else Patience.ROOM)
    assert seen.failure.cause == ("QuotaTooSmall" if lacking else "QuotaExceeded")
    assert all(name in seen.failure.detail for name in lacking)


@pytest.mark.parametrize(
    ("message", "patience"),
    [
        ("status unknown for quota: q, resources: pods", Patience.ROOM),
        ("exceeded quota: q", Patience.ROOM),
        ("failed quota: q: must specify limits.cpu for: algorithm", Patience.SHORT),
        ("insufficient quota to match these scopes: [{PriorityClass In [a]}]", Patience.SHORT),
        ("maximum memory usage per Pod is 1Gi, but limit is 2147483648", Patience.SHORT),
        ("minimum cpu usage per Container is 1, but request is 50m", Patience.SHORT),
        ("cpu max limit to request ratio per Container is 2, but provided is 40", Patience.SHORT),
        (
            "maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi",
            Patience.SHORT,
        ),
    ],
)
def test_other_words_of_a_quota_or_a_limit_range(message, patience):
    seen = diagnose_quota(FORBIDDEN + message, by_events=True)
    assert (seen.patience, seen.by_events) == (patience, True)
    assert seen.failure.site_detail == FORBIDDEN + message


def test_what_is_neither_is_left_to_others():
    assert diagnose_quota('User "a" cannot create resource "jobs"') is None
    assert diagnose_refused_job('User "a" cannot create resource "jobs"') is None


def test_a_refused_run_waits_in_the_line_and_says_why_once():
    run, actions = decide(RUN, PUT_OFF, 0.0, Limits())
    assert (run.stage, run.status, run.failure) == (Stage.QUEUED, RunStatus.PENDING, FULL)
    assert actions == (Report(),)
    again = replace(PUT_OFF, failure=replace(FULL, site_detail="used: 3"))
    run, actions = decide(replace(run, stage=Stage.ACCEPTED), again, 9.0, Limits())
    assert (run.failure, actions) == (FULL, ())
    run, _ = decide(run, Tick(7), 1e9, Limits())
    assert not run.has_ended  # schedule_seconds has no limit


def test_its_wait_for_room_is_limited_as_that_of_a_pod_and_counts_from_the_first_refusal():
    limits = Limits(schedule_seconds=10)
    run, _ = decide(RUN, PUT_OFF, 0.0, limits)
    run, _ = decide(replace(run, stage=Stage.ACCEPTED), PUT_OFF, 6.0, limits)
    asking, actions = decide(replace(run, stage=Stage.ACCEPTED), Tick(7), 11.0, limits)
    assert (asking.has_ended, actions) == (False, ())  # the node may be creating the Job just now
    run, actions = decide(run, Tick(7), 10.0, limits)
    assert (run.status, run.failure.cause) == (RunStatus.START_FAILED, "QuotaExceeded")
    assert actions == (Collect(remove_job=True),)


def test_a_job_that_is_made_in_the_end_ends_the_wait():
    run, _ = decide(RUN, PUT_OFF, 0.0, Limits(schedule_seconds=10))
    run, actions = decide(run, JobObservation(7, created_at=1001.0), 5.0, Limits())
    assert (run.stage, run.failure, run.waiting) == (Stage.CREATED, None, None)
    assert actions == (Report(),)
    assert decide(run, PUT_OFF, 6.0, Limits()) == (run, ())  # a lost response that arrives late


def test_a_killed_run_is_not_tried_again():
    run, _ = decide(RUN, KillRequested(7), 0.0, Limits())
    run, actions = decide(run, PUT_OFF, 0.0, Limits())
    assert (run.status, actions) == (RunStatus.KILLED, (Collect(remove_job=True),))
