"""The demo never reports a wrong result as right."""

import pytest

from demo.report import average_of, judge, timeline

GOOD_LOG = """starting
network: outbound access to 198.51.100.10:80 is disabled (timed out)
network: proxy v6proxy.v6proxy-subdomain.v6-jobs:8080 is reachable
network: DNS lookups are disabled (Temporary failure)
average 2.0
"""
GOOD = {"status": "completed", "exit_code": 0, "log": GOOD_LOG}
OPEN = "outbound traffic: enabled (198.51.100.10:80 answered)"


def wrong(result=GOOD, output="2.0\n", outbound=OPEN):
    return [check.what for check in judge(result, 2.0, output, outbound) if not check.passed]


def test_all_right():
    assert wrong() == []


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("outbound access to 198.51.100.10:80 is disabled", "outbound access to x is ENABLED",
         "the outside is closed to it"),
        ("network: outbound", "outbound", "the outside is closed to it"),
        ("DNS lookups are disabled", "DNS lookups ENABLED", "DNS is closed to it"),
        ("is reachable", "is NOT reachable (refused)", "the proxy is open to it"),
    ],
)  # fmt: skip
def test_a_hole_in_the_wall_is_wrong(old, new, what):
    assert wrong({**GOOD, "log": GOOD_LOG.replace(old, new)}) == [what]


def test_a_failed_run_is_wrong():
    assert wrong({**GOOD, "status": "crashed", "exit_code": 4}) == [
        "the run completed",
        "its exit code is 0",
    ]


@pytest.mark.parametrize("output", [None, "", "2.1", "two"])
def test_another_average_is_wrong(output):
    assert wrong(output=output) == ["the average is right"]


def test_an_outside_that_is_not_there_proves_nothing():
    closed = "outbound traffic: DISABLED (timed out)"
    assert wrong(outbound=closed) == ["the outside is open to the proxy"]


def test_average_skips_missing_values():
    assert average_of("Age,Name\n1,a\n,b\n3,c\n", "Age") == 2.0


def test_timeline_leaves_out_what_never_was():
    from datetime import UTC, datetime

    at = datetime(2026, 1, 1, tzinfo=UTC)
    times = {"received": at.isoformat(), "job_created": None, "started": None, "ended": None}
    lines = timeline({"timeline": times}, at, at)
    assert [line.split("s  ")[1] for line in lines] == [
        "posted", "received by the node", "result here",
    ]  # fmt: skip
