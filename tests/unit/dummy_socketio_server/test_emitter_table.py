import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from emitter_runs import complete, line_of, print_json
from hypothesis import given, settings
from hypothesis import strategies as st
from run_table import cells, clock_time, moment, show_details, show_table, span

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KEYS = ["run_id", "status", "image", "position", "received", "started", "ended", "cause", "detail"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (185, "3m05s"),
        (7 * 3600 + 62, "7h01m"),
        (100_000, "1d03h"),
    ],
)
def test_spans(seconds, text):
    assert span(timedelta(seconds=seconds)) == text


def test_times_have_the_day_where_it_is_not_today():
    at = NOW.astimezone()
    assert clock_time(NOW.isoformat(), NOW) == f"{at:%H:%M:%S}"
    assert clock_time("2020-01-01T10:00:00+00:00", NOW).startswith("2020-01-01 ")
    assert clock_time(None, NOW) == "-"
    assert clock_time("soon", NOW) == "soon"


def test_a_time_without_a_zone_is_utc():
    assert moment("2026-01-02T12:00:00") == NOW
    assert moment("2026-01-02T12:00:00Z") == NOW
    assert moment(5) is None


def test_a_row():
    summary = {"run_id": 7, "status": "pending", "position": 1, "received": NOW.isoformat()}
    row = cells(summary | {"cause": "a\nb", "detail": "c"}, NOW + timedelta(minutes=2))
    assert row == ("7", "pending", "1", "2m00s", "-", "-", "-", "a b: c")


@settings(deadline=None)  # rich loads many modules for its first table
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), ANYTHING) | ANYTHING, max_size=4))
def test_whatever_a_node_answers_is_shown_line_by_line(runs):
    stream = io.StringIO()
    show_table(runs, stream, NOW)
    assert "\x1b" not in stream.getvalue()
    for run in runs:
        if isinstance(run, dict):
            show_details(run, stream, NOW)


def test_a_pipe_gets_one_line_per_run_however_long():
    stream = io.StringIO()
    show_table([{"run_id": 10**15, "detail": "word\u2028 " * 100}] * 3, stream, NOW)
    assert stream.getvalue().count("\n") == 4


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ({"run_id": 7, "outcome": "killed", "status": "killed by user"}, "killed (killed by user)"),
        ({"run_id": 7, "outcome": "unknown", "status": None}, "unknown"),
        ({"run_id": 7, "outcome": "unknown", "reason": "no node"}, "unknown, no node"),
        ({"run_id": 7}, "no answer"),
    ],
)
def test_a_kills_line(outcome, words):
    assert line_of(outcome) == f"run 7: {words}"


def test_runs_that_the_node_left_out_are_not_forgotten():
    assert complete([{"run_id": 7, "outcome": "killed"}, "x"], [7, 8]) == [
        {"run_id": 7, "outcome": "killed"},
        {},
        {"run_id": 8},
    ]


def test_json_stays_json_with_any_control_character(capsys):
    value = {"x": "".join(map(chr, range(0x100))) + "\u202e"}
    print_json(value)
    text = capsys.readouterr().out
    assert json.loads(text) == value
    assert text.replace("\n", "").isprintable()
