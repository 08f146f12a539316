"""How the table shows figures, units, goals and verdicts."""

import pytest

from bench.table import Row, lines_of, missed, written


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0251, "ms", "25.1 ms"),
        (2.999, "s", "3.00 s"),
        (1.0454, "x", "1.045 x"),
        (3.75, "/min", "3.8/min"),
        (61.04, "MiB", "61.0 MiB"),
    ],
)
def test_figures_with_units(value, unit, text):
    assert written(value, unit) == text


@pytest.mark.parametrize(
    ("figure", "goal", "verdict"),
    [(1.0, 1.0, "met"), (1.0001, 1.0, "MISSED"), (5.0, None, "")],
)
def test_a_goal_is_met_up_to_itself(figure, goal, verdict):
    assert Row("it", figure, "x", goal).verdict == verdict


def test_the_table_says_goals_verdicts_and_notes_below_their_figures():
    rows = [Row("fast", 0.01, "ms", 0.025, "by night"), Row("slow thing", 4.0, "s", 3.0)]
    assert lines_of("title", rows) == [
        "title",
        "",
        "what        measured  goal",
        "-" * 40,
        "fast        10.0 ms   <= 25.0 ms  met",
        "    by night",
        "slow thing  4.00 s    <= 3.00 s   MISSED",
    ]


def test_missed_are_those_beyond_their_goals_only():
    late = Row("late", 2, "s", 1)
    assert missed([Row("no goal", 9, "s"), late, Row("in time", 1, "s", 1)]) == [late]
