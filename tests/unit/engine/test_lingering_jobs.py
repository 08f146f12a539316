"""Delivered Jobs that do not finish: the node removes them when their time is over, not earlier."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node_poc.engine import lingering_jobs
from node_poc.engine.lingering_jobs import LingeringJobs
from node_poc.runs.observed import JobObservation

KEPT = 100.0
WHOLE = KEPT + lingering_jobs._SLACK_SECONDS
NOW = 1_000_000.0
DELIVERED = JobObservation(7, delivered=True, delivered_at=NOW)


class Clock:
    """The timers and both clocks, moved by the test."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._due: list[tuple[float, object]] = []

    def call_later(self, seconds, action) -> None:
        self._due.append((self.seconds + seconds, action))

    def go(self, seconds: float) -> None:
        self.seconds += seconds
        due = [entry for entry in self._due if entry[0] <= self.seconds]
        self._due = [entry for entry in self._due if entry not in due]
        for _, action in due:
            action()

    def time(self) -> float:
        return NOW + self.seconds

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(lingering_jobs, "time", made)
    return made


@pytest.fixture
def removed():
    return []


@pytest.fixture
def watched(clock, removed):
    return LingeringJobs(clock, removed.append, KEPT)


def test_it_goes_when_its_time_is_over_and_not_before(watched, clock, removed):
    watched.check(DELIVERED)
    clock.go(WHOLE - 1)
    watched.check(DELIVERED)
    assert removed == []
    clock.go(1)
    assert removed == [7]
    clock.go(10 * WHOLE)
    assert removed == [7]


@pytest.mark.parametrize(
    "later",
    [
        replace(DELIVERED, succeeded=True),
        replace(DELIVERED, failed_reason="BackoffLimitExceeded"),
        replace(DELIVERED, gone=True),
        JobObservation(7),  # another run with the same id
    ],
    ids=["complete", "failed", "gone", "another"],
)
def test_one_that_finishes_is_left_to_kubernetes(watched, clock, removed, later):
    watched.check(DELIVERED)
    clock.go(5)
    watched.check(later)
    clock.go(10 * WHOLE)
    assert removed == []


def test_another_of_the_same_number_has_a_time_of_its_own(watched, clock, removed):
    watched.check(DELIVERED)
    clock.go(WHOLE - 1)
    watched.check(JobObservation(7))
    watched.check(replace(DELIVERED, delivered_at=NOW + WHOLE - 1))
    clock.go(1)
    assert removed == []
    clock.go(WHOLE)
    assert removed == [7]


@pytest.mark.parametrize(
    ("delivered_at", "seconds"),
    [
        (None, WHOLE),  # marked by a version that wrote no time
        (NOW - 60, WHOLE - 60),
        (NOW - 10 * WHOLE, 0),  # delivered while the node was away
        (NOW + 10 * WHOLE, WHOLE),  # a clock was wrong
    ],
)
def test_the_time_counts_from_the_delivery(watched, clock, removed, delivered_at, seconds):
    watched.check(replace(DELIVERED, delivered_at=delivered_at))
    if seconds:
        clock.go(seconds - 1)
        assert removed == []
    clock.go(1)
    assert removed == [7]


def test_one_whose_result_is_not_delivered_stays(watched, clock, removed):
    watched.check(JobObservation(7))
    clock.go(10 * WHOLE)
    assert removed == []
