"""Turning times into rows: the name of each difference, and the figures with a goal."""

from dataclasses import replace

import pytest

from bench.judging import audit_row, burst_rows, protection_row, single_rows
from bench.plan import Who
from bench.table import missed
from bench.timed_run import TimedRun

RAW = TimedRun(
    Who.RAW,
    asked=100.0,
    received=None,
    created=100.004,
    job_seen=100.005,
    ended=100.6,
    seen_end=101.0,
    result=101.001,
)
NODE = TimedRun(
    Who.NODE,
    asked=200.0,
    received=200.002,
    created=200.012,
    job_seen=200.013,
    ended=200.6,
    seen_end=201.0,
    result=201.021,
)


def row_of(rows, start):
    (found,) = [row for row in rows if row.what.startswith(start)]
    return found


def test_the_times_of_a_run():
    assert NODE.whole == pytest.approx(1.021)
    assert NODE.accepting == pytest.approx(0.010)
    assert RAW.accepting == pytest.approx(0.004)
    assert NODE.to_job == pytest.approx(0.013)
    assert NODE.after_end == pytest.approx(0.421)
    assert NODE.after_seen_end == pytest.approx(0.021)


def test_single_runs_are_compared_by_their_medians():
    slow = replace(NODE, result=209.0)
    rows = single_rows([NODE, RAW, NODE, RAW, slow, RAW])
    assert row_of(rows, "request to result").figure == pytest.approx(1.021 / 1.001)
    assert row_of(rows, "request to result").verdict == "met"
    assert row_of(rows, "event received to Job accepted, p50").figure == pytest.approx(0.010)
    assert row_of(rows, "Kubernetes tells the end to result, p99").figure == pytest.approx(8.0)
    assert row_of(rows, "Kubernetes tells the end to result, p99").verdict == "MISSED"


def test_what_the_node_adds_is_free_of_what_kubernetes_took():
    unlucky = replace(NODE, ended=200.9, seen_end=201.9, result=201.921)
    added = row_of(single_rows([unlucky, RAW]), "what the node adds").figure
    assert added == pytest.approx(0.013 + 0.021 - 0.005 - 0.001)


def test_the_end_to_the_result_is_judged_from_both_moments():
    names = [row.what for row in missed(single_rows([NODE, RAW]))]
    assert names == ["container's end to result, p50"]


def test_a_protection_is_compared_with_its_absence():
    seen = replace(NODE, seen_end=NODE.ended)

    def lasting(*seconds):
        return [replace(seen, result=seen.asked + each) for each in seconds]

    with_it, without = lasting(3.3, 3.6, 3.3), lasting(3.0, 3.0, 3.0)
    row = protection_row("the gate", with_it, without)
    assert row.figure == pytest.approx(1.1)
    assert (row.unit, row.goal) == ("x", None)
    assert row.what == "the gate: request to result, n = 3, with / without"
    assert "medians: 3.30 s and 3.00 s" in row.note
    own = seen.to_job + 3.3 - (seen.seen_end - seen.asked)
    assert f"the node's own part {own * 1000:.1f} ms and " in row.note
    assert protection_row("all", with_it, without, 1.05).verdict == "MISSED"


def test_the_second_of_the_kubelet_does_not_count_for_a_protection():
    late = replace(NODE, seen_end=NODE.seen_end + 0.9, result=NODE.result + 0.9)
    row = protection_row("policy", [late], [NODE])
    assert row.figure == pytest.approx(1.0)
    assert f"whole runs {late.whole:.2f} s and {NODE.whole:.2f} s" in row.note


def test_the_audit_trail_is_a_share_of_a_run():
    row = audit_row([0.01, 0.02, 0.03], [1.0, 2.0, 3.0])
    assert (row.figure, row.unit) == (0.02, "ms")
    assert "the same as 1.010 x" in row.note


def test_a_burst_lasts_from_its_first_request_to_its_last_result():
    def shifted(run, asked, result):
        return replace(run, asked=asked, result=result)

    node = [shifted(NODE, 10.0, 13.0), shifted(NODE, 10.5, 12.0)]
    raw = [shifted(RAW, 20.0, 21.0), shifted(RAW, 20.2, 22.0)]
    row = row_of(burst_rows([node, raw]), "burst of 2: last result, 1 rounds")
    assert row.figure == pytest.approx(3.0 / 2.0)
    assert (row.goal, row.verdict) == (1.10, "MISSED")
    assert "node 3.00 s, raw 2.00 s" in row.note
