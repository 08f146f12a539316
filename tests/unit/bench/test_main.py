"""The bench's command line, except for the parts that need a cluster."""

import json

import pytest

from bench.__main__ import Bench, parse
from bench.table import Row


@pytest.mark.parametrize("bad", [["--runs", "1"], ["--runs", "many"], ["--only", "everything"]])
def test_bad_usage_is_exit_code_2(bad, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(bad)
    assert ended.value.code == 2
    assert bad[0] in capsys.readouterr().err


def test_help_names_the_series_and_the_exit_codes(capsys):
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for word in (
        "single",
        "burst",
        "idle",
        "crowd",
        "protections",
        "Exit codes",
        "--keep",
        "--strict",
        "--json",
    ):
        assert word in text


def test_at_least_thirty_pairs_if_nothing_else_is_said():
    assert parse([]).runs >= 30
    assert parse([]).only is None


def test_a_missed_goal_is_said_plainly_and_stands_in_the_json(capsys):
    bench = Bench(parse(["--runs", "2", "--only", "idle"]))
    bench.rows["idle"] = [Row("requests", 7.0, "/min", 6.0)]
    bench.loads["idle"] = 0.5
    bench.show()
    out = capsys.readouterr().out
    assert "MISSED  requests: 7.0/min, goal 6.0/min" in out
    assert 'to measure again: make bench ARGS="--runs 2 --only idle"' in out
    (row,) = json.loads(json.dumps(bench.to_json()))["rows"]["idle"]
    assert row["verdict"] == "MISSED"


def test_a_bench_that_was_stopped_before_its_first_figure_claims_nothing(capsys):
    Bench(parse(["--runs", "2", "--only", "idle"])).show()
    assert "met" not in capsys.readouterr().out
