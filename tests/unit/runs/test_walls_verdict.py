"""The verdict of a self-test: its text, its form on disk, and what it asks of runs."""

import json

import pytest

from node_poc.runs.walls_verdict import Enforcement, WallsVerdict, unknown

AT_ONCE = WallsVerdict(Enforcement.AT_ONCE, tested=("a", "b"), pods=9, made_at=5.0)
LATE = WallsVerdict(Enforcement.LATE, window_ms=708, kept=3, open_ways=("a",), made_at=5.0)
NOT = WallsVerdict(Enforcement.NOT, open_ways=("a", "b"), made_at=5.0)
UNKNOWN = unknown("no room")


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (AT_ONCE, "enforced at once (9 pods, 2 ways)"),
        (
            LATE,
            "enforced 708 ms after a pod's start: until then a, and 3 connections lived on",
        ),
        (NOT, "not enforced: open are a, b"),
        (UNKNOWN, "unknown: no room"),
    ],
)
def test_a_verdict_is_one_line_for_people(verdict, text):
    assert str(verdict) == text


@pytest.mark.parametrize("verdict", [AT_ONCE, LATE, NOT, UNKNOWN])
def test_a_verdict_survives_the_disk(verdict):
    assert WallsVerdict.from_dict(json.loads(json.dumps(verdict.to_dict()))) == verdict


@pytest.mark.parametrize("data", [{}, {"enforcement": "maybe"}, {**AT_ONCE.to_dict(), "pods": []}])
def test_other_data_is_no_verdict(data):
    with pytest.raises(ValueError, match=r"verdict|maybe"):
        WallsVerdict.from_dict(data)


def test_only_enforcement_at_once_needs_no_gate():
    assert [each.needs_gate for each in (AT_ONCE, LATE, NOT, UNKNOWN)] == [False, True, True, True]


def test_the_length_of_a_window_is_no_news_but_another_open_way_is():
    longer = WallsVerdict(Enforcement.LATE, window_ms=900, open_ways=("a", "b"), made_at=6.0)
    assert longer.says_the_same(LATE)
    assert not WallsVerdict(Enforcement.NOT, open_ways=("a",)).says_the_same(NOT)
    assert not unknown("another reason").says_the_same(UNKNOWN)
    assert not AT_ONCE.says_the_same(LATE)
