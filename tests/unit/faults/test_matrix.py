"""How the traces of a run are judged: every kind of harm is found, even if other harm hides it."""

from __future__ import annotations

import importlib

import pytest

from tests.faults.inside.stepping_node import PLACES
from tests.faults.matrix import Expected, Row, RunSeen, Verdict, drawn_in, judge
from tests.faults.table import as_json, as_text

GOOD = {"status": "completed", "cause": "", "log": "ran word-1 aaa\nend word-1\n"}


def seen(**changed) -> RunSeen:
    given = {
        "result": GOOD,
        "delivered": [GOOD],
        "notes": ["aaa"],
        "pods": {"c1": "node1"},
        **changed,
    }
    return RunSeen(1, "word-1", **given)


def test_one_execution_and_one_result_are_right():
    assert judge(seen(), Expected()) is Verdict.RIGHT


def test_the_same_result_sent_again_is_right():
    assert judge(seen(delivered=[GOOD, dict(GOOD)]), Expected()) is Verdict.RIGHT


@pytest.mark.parametrize(
    "twice",
    [
        {"notes": ["aaa", "bbb"]},
        {"notes": ["bbb"]},  # the log shows another execution than the disk
        {"pods": {"c1": "node1", "c2": "node2"}},
        {"delivered": [GOOD, {**GOOD, "status": "failed"}]},
        {"result": None, "notes": ["aaa", "bbb"]},
    ],
    ids=["two notes", "another note", "two containers", "two results", "and no result"],
)
def test_a_run_that_ran_or_ended_twice_is_doubled(twice):
    assert judge(seen(**twice), Expected()) is Verdict.DOUBLED


def test_a_run_without_a_result_is_lost():
    assert judge(seen(result=None, delivered=[]), Expected()) is Verdict.LOST


@pytest.mark.parametrize(
    "result",
    [
        {**GOOD, "status": "failed", "cause": "NodeLost"},
        {**GOOD, "cause": "Odd"},
    ],
)
def test_another_end_than_expected_is_wrong(result):
    assert judge(seen(result=result, delivered=[result]), Expected()) is Verdict.WRONG


def test_completed_without_any_execution_is_wrong():
    result = {**GOOD, "log": ""}
    run = seen(result=result, delivered=[result], notes=[], pods={})
    assert judge(run, Expected()) is Verdict.WRONG


def test_one_of_several_ways_is_enough():
    lost = {"status": "failed", "cause": "NodeLost", "log": ""}
    run = seen(result=lost, delivered=[lost], notes=[])
    assert judge(run, Expected(), Expected("failed", "NodeLost")) is Verdict.RIGHT
    assert judge(run, Expected("failed", "PodDeleted")) is Verdict.WRONG


def test_only_the_runs_own_lines_count():
    assert drawn_in("ran word-11 x\nran word-1 y\nnot ran word-1 z\n", "word-1") == ["y"]


def test_a_row_is_good_only_if_all_ended_right_and_there_were_some():
    row = Row("fault", "seen", 1.0)
    assert not row.is_good
    row.add(seen(), Verdict.RIGHT)
    assert row.is_good
    row.add(seen(result=None), Verdict.LOST)
    assert not row.is_good
    assert "run 1 lost" in row.trouble[0]


def test_a_double_that_comes_late_is_counted_as_one():
    row = Row("fault", "seen", 1.0)
    row.add(seen(), Verdict.RIGHT)
    row.revise(seen(), Verdict.RIGHT, Verdict.DOUBLED)
    assert (row.sent, row.counts[Verdict.DOUBLED], row.is_good) == (1, 1, False)


def test_a_fault_that_was_not_shown_is_not_good():
    row = Row("fault", "", 1.0, trouble=["it could not be shown"])
    row.add(seen(), Verdict.RIGHT)
    assert not row.is_good


def test_the_table_has_a_line_for_each_fault_and_sums():
    rows = [Row("first", "s", 1.0), Row("second", "s", 2.0)]
    for row, verdict in zip(rows, (Verdict.RIGHT, Verdict.LOST), strict=True):
        row.add(seen(), verdict)
    *_, first, second, total = as_text(rows).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in (first, second, total)]
    assert cells[0] == ["first", "1", "1", "0", "0", "0", "1"]
    assert cells[1] == ["second", "1", "0", "1", "0", "0", "2"]
    assert cells[2] == ["all", "2", "1", "1", "0", "0", "3"]
    assert [line["lost"] for line in as_json(rows)] == [0, 1]


@pytest.mark.parametrize("name", PLACES)
def test_each_place_where_the_node_is_killed_is_there(name):
    place = PLACES[name]
    owner = getattr(importlib.import_module(f"node_poc.{place.module}"), place.owner)
    assert callable(getattr(owner, place.function))
