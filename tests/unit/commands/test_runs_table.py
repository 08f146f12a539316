"""The table of runs for people, and the JSON for programs."""

import io
import json
import time

import pytest
from rich.console import Console

from node_poc.commands.runs_table import RunRow, age, clock_time, draw_runs, plain, why
from node_poc.runs.model import Failure
from node_poc.runs.status import RunStatus

NOW = 1_795_372_464.0


def row(**changed):
    fields = {
        "run_id": 7,
        "status": RunStatus.COMPLETED,
        "created_at": NOW - 90,
        "started_at": NOW - 88,
        "ended_at": NOW - 60,
        "exit_code": 0,
        "pod": "v6-node-run-7-abcde",
        "cluster_node": "node1",
        "image": "registry.example/avg:1",
        "failure": None,
        "delivered": True,
    }
    return RunRow(**(fields | changed))


def drawn(*rows, width=10_000):
    out = io.StringIO()
    console = Console(file=out, width=width)
    console.print(draw_runs(rows, NOW, console))
    return out.getvalue()


def test_one_line_for_each_run_when_there_is_room():
    head, *lines = drawn(row(), row(run_id=8, delivered=False)).splitlines()
    assert head.split() == [
        *("RUN", "STATUS", "AGE", "STARTED", "ENDED", "EXIT", "POD"),
        *("K8S", "NODE", "IMAGE", "WHY", "DELIVERED"),
    ]
    started, ended = clock_time(NOW - 88, NOW), clock_time(NOW - 60, NOW)
    assert lines[0].split() == [
        *("7", "completed", "1m30s", started, ended, "0"),
        *("v6-node-run-7-abcde", "node1", "registry.example/avg:1", "yes"),
    ]
    assert lines[1].split()[0] == "8"
    assert lines[1].split()[-1] == "no"


def test_what_is_not_known_is_empty():
    nothing = row(
        created_at=None, started_at=None, ended_at=None, exit_code=None, pod="", cluster_node=""
    )
    assert drawn(nothing).splitlines()[1].split() == ["7", "completed", nothing.image, "yes"]


def test_on_a_narrow_terminal_what_is_long_stands_below():
    failure = Failure("Evicted", "the disk was full " * 5, "", "")
    text = drawn(row(failure=failure), row(run_id=1795372464553759), width=80)
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [
        *("RUN", "7", "1795372464553759")
    ]
    assert lines[0].split()[-1] == "DELIVERED"
    assert lines[0].index("STATUS") == lines[1].index("completed")
    below = [line.strip() for line in lines[2:6]]
    assert below[:3] == ["POD: v6-node-run-7-abcde", "K8S NODE: node1", f"IMAGE: {row().image}"]
    assert below[3].startswith("WHY: Evicted: the disk was full")
    assert "".join(text.split()).count("thediskwasfull") == 5


def test_on_a_wide_terminal_only_a_long_reason_stands_below():
    failure = Failure("Evicted", "the disk was full " * 20, "", "")
    lines = drawn(row(failure=failure), row(run_id=8), width=150).splitlines()
    assert lines[0].split()[-3:] == ["NODE", "IMAGE", "DELIVERED"]
    assert lines[1].split()[-3:] == ["node1", "registry.example/avg:1", "yes"]
    assert lines[2].startswith("    WHY: Evicted: the disk was full")
    assert lines[-1].split()[0] == "8"


def test_a_narrow_terminal_shows_no_empty_lines_for_what_is_not_known():
    nothing = row(pod="", cluster_node="", image="")
    assert len(drawn(nothing, width=60).splitlines()) == 2


@pytest.mark.parametrize("width", [1, 10, 40])
def test_a_terminal_that_is_much_too_narrow_does_no_harm(width):
    drawn(row(), row(failure=Failure("Evicted", "full", "", "")), width=width)


def test_why_tells_the_site_what_kubernetes_said():
    told = Failure("ImageNotFound", "the image was not found", "Check it.", "pull\nfailed")
    assert why(told) == "ImageNotFound: the image was not found (pull failed)"
    assert why(Failure("Evicted", "", "", "")) == "Evicted"


def test_what_algorithms_and_registries_write_cannot_steer_the_terminal():
    evil = "\x1b]0;title\x07\x1b[2J[red]x[/red]\u202e\r\n\tend"
    assert plain(evil) == "\ufffd]0;title\ufffd\ufffd[2J[red]x[/red]\ufffd end"
    text = drawn(row(image=evil, pod=evil, failure=Failure("C", evil, "", evil)))
    assert "\x1b" not in text
    assert "[red]x[/red]" in text


def test_json_has_all_of_it():
    failure = Failure("ExitCode", "exit code 3", "See its log.", "")
    made = json.loads(json.dumps(row(failure=failure, status=RunStatus.CRASHED).to_json()))
    assert made == {
        "run_id": 7,
        "status": "crashed",
        "created": "2026-11-22T18:32:54+00:00",
        "started": "2026-11-22T18:32:56+00:00",
        "ended": "2026-11-22T18:33:24+00:00",
        "exit_code": 0,
        "pod": "v6-node-run-7-abcde",
        "cluster_node": "node1",
        "image": "registry.example/avg:1",
        "cause": "ExitCode",
        "detail": "exit code 3",
        "advice": "See its log.",
        "site_detail": None,
        "delivered": True,
    }
    empty = row(created_at=None, pod="", image="", cluster_node="").to_json()
    assert {empty[key] for key in ("created", "pod", "image", "cluster_node", "cause")} == {None}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((-5, "0s"), (0, "0s"), (59.9, "59s"), (60, "1m"), (61, "1m1s"), (599, "9m59s")),
        *((600, "10m"), (659, "10m"), (3599, "59m"), (3600, "1h"), (5400, "1h30m")),
        *((35999, "9h59m"), (36000, "10h"), (86399, "23h"), (86400, "1d"), (90000, "1d1h")),
        *((864000, "10d"), (864000 * 100, "1000d")),
    ],
)
def test_ages(seconds, text):
    assert age(seconds) == text


def test_the_date_is_told_when_it_is_not_todays(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert clock_time(NOW, NOW) == "18:34:24"
    assert clock_time(NOW - 86400, NOW) == "2026-11-21 18:34"
    assert clock_time(None, NOW) == ""
    monkeypatch.undo()
    time.tzset()
