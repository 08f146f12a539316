"""Runs that wait for another try: the pauses grow for each run alone."""

from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.vantage6.incoming import postponed
from node_poc.protocol.vantage6.incoming.postponed import PostponedRuns


def test_pauses_grow_for_each_run_alone(monkeypatch):
    monkeypatch.setattr(postponed, "_BACKOFF", Backoff(5.0, 300.0))
    monkeypatch.setattr(postponed.time, "monotonic", lambda: 0.0)
    runs, pauses = PostponedRuns(), []
    for count in range(1, 9):
        assert runs.postpone(7, 107) == count
        pauses.append(runs._runs[7].due_at)
    assert runs.postpone(8, 108) == 1
    assert pauses[0] <= 5.0
    assert 150.0 <= pauses[-1] <= 300.0
    assert runs.is_waiting(7)
    assert runs.due_tasks() == []
    assert runs.retry_now([7, 9]) == {7}
    assert runs.due_tasks() == [107]
    runs.forget_due(0.0, [108])
    assert runs.failures(7) == 8
    runs.forget_due(0.0, [107])
    assert runs.failures(7) == 0
    assert runs.failures(8) == 1


def test_a_reading_that_began_before_a_pause_was_ended_does_not_count_as_the_next_try(monkeypatch):
    now = iter([0.0, 10.0, 20.0])  # the failure, the end of the pause, the look for due tasks
    monkeypatch.setattr(postponed.time, "monotonic", lambda: next(now))
    runs = PostponedRuns()
    runs.postpone(7, 107)
    runs.retry_now()
    runs.forget_due(9.0)
    assert runs.due_tasks() == [107]
