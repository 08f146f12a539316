"""Times with fractions of a second, always in the order of the events."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.config.model import Limits
from node_poc.runs.lifecycle import decide
from node_poc.runs.model import Run, Stage
from node_poc.runs.observed import PodObservation, Terminated
from node_poc.runs.times import event_time, finer, parse_time

SEEN = {
    "within its second": (1003.0, 1003.4, 1003.4),
    "a moment after its second": (1003.0, 1004.2, 1003.999999),
    "long after, as after a restart": (1003.0, 1060.0, 1003.0),
    "before, by another clock": (1003.0, 1002.5, 1003.0),
    "not at once": (1003.0, None, 1003.0),
    "nothing told": (None, 1003.4, 1003.4),
}


@pytest.mark.parametrize(("told", "seen_at", "time"), SEEN.values(), ids=SEEN)
def test_what_was_seen_at_once_tells_more(told, seen_at, time):
    assert finer(told, seen_at) == time


@given(st.integers(0, 10_000), st.floats(0, 0.999999), st.floats(0, 5))
def test_a_finer_time_is_nearer_to_the_truth(second, fraction, latency):
    truth = second + fraction
    found = finer(float(second), truth + latency)
    assert second <= found < second + 1
    assert abs(found - truth) <= max(truth - second, latency) + 1e-6


@given(*[st.floats(1000, 1010)] * 5)
def test_a_run_never_ends_before_it_began(received, running, started, ended, seen):
    run = Run(7, "d", received, stage=Stage.CREATED)
    pod = PodObservation(7, "pod", "Running", running_since=float(int(running)), seen_at=seen)
    run, _ = decide(run, pod, 0.0, Limits())
    end = Terminated(0, started_at=float(int(started)), ended_at=float(int(ended)))
    over = replace(pod, running_since=None, terminated=end, seen_at=seen + 1)
    run, _ = decide(run, over, 0.0, Limits())
    assert received <= run.started_at <= run.ended_at


def test_an_end_that_is_seen_at_once_has_its_fraction():
    run = Run(7, "d", 1000.0, stage=Stage.CREATED)
    pod = PodObservation(7, "pod", "Running", running_since=1002.0, seen_at=1002.25)
    run, _ = decide(run, pod, 0.0, Limits())
    end = Terminated(0, started_at=1002.0, ended_at=1003.0)
    over = replace(pod, running_since=None, terminated=end, seen_at=1003.5)
    run, _ = decide(run, over, 0.0, Limits())
    assert (run.started_at, run.ended_at) == (1002.25, 1003.5)


def test_times_with_and_without_parts_of_seconds():
    assert parse_time("1970-01-01T00:00:01Z") == 1.0
    assert parse_time("1970-01-01T00:00:01.500000Z") == 1.5
    assert parse_time(None) is None


SECOND = "1970-01-01T00:00:01Z"
EVENTS = {
    "the series": ({"series": {"lastObservedTime": "1970-01-01T00:00:02.5Z"}}, 2.5),
    "the old API": ({"series": None, "lastTimestamp": SECOND, "eventTime": None}, 1.0),
    "the new API": ({"lastTimestamp": None, "eventTime": "1970-01-01T00:00:01.5Z"}, 1.5),
    "only its creation": ({"metadata": {"creationTimestamp": SECOND}}, 1.0),
    "nothing": ({}, 0.0),
}


@pytest.mark.parametrize(("event", "expected"), EVENTS.values(), ids=EVENTS)
def test_an_event_has_the_time_of_its_last_report(event, expected):
    assert event_time(event) == expected
