"""How often the proxy writes a refusal to the log."""

from node_poc.proxy.refusals import RefusalLog


def test_a_refusal_is_told_once_a_minute_with_the_count_of_the_others():
    refusals = RefusalLog(quiet_seconds=60)
    assert refusals.note("task 1", "no", now=0) == 0
    assert [refusals.note("task 1", "no", now=second) for second in range(1, 60)] == [None] * 59
    assert refusals.note("task 1", "no", now=60) == 59
    assert refusals.note("task 1", "no", now=61) is None


def test_other_callers_and_other_reasons_are_told_at_once():
    refusals = RefusalLog()
    assert refusals.note("task 1", "no", now=0) == 0
    assert refusals.note("task 2", "no", now=0) == 0
    assert refusals.note("task 1", "never", now=0) == 0


def test_it_does_not_grow_with_callers():
    refusals = RefusalLog()
    for number in range(5000):
        refusals.note(f"task {number}", "no", now=0)
    assert len(refusals._kept) <= 1000
