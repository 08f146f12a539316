"""How many runs try to create a Job while a quota refuses Jobs."""

from hypothesis import given
from hypothesis import strategies as st

from node_poc.engine.quota_gate import QuotaGate


def gate():
    return QuotaGate(float)


def test_all_may_try_while_nobody_was_refused():
    made = gate()
    for run_id in range(100):
        assert made.may_try
        made.note_try(run_id)
    assert made.is_open


def test_after_a_refusal_one_tries_after_growing_pauses():
    made = gate()
    made.note_try(1)
    pauses = []
    for _ in range(3):
        pauses.append(made.note_refusal(1))
        assert not made.may_try
        made.resume(made.pauses)
        assert made.may_try
        made.note_try(1)
        assert not made.may_try
    assert pauses == [1.0, 2.0, 3.0]


def test_refusals_of_tries_that_were_under_way_cost_one_pause():
    made = gate()
    for run_id in range(20):
        made.note_try(run_id)
    assert [made.note_refusal(run_id) for run_id in range(20)] == [1.0] + [None] * 19


def test_a_try_under_way_that_gets_in_does_not_open_the_gate():
    made = gate()
    made.note_try(1)
    made.note_try(2)
    made.note_refusal(1)
    made.note_success(2)
    assert not made.may_try


def test_room_that_has_come_is_found_by_doubling():
    made, allowed, run_id = gate(), [], 0
    made.note_try(run_id)
    made.note_refusal(run_id)
    made.resume(made.pauses)
    while not made.is_open:
        batch = []
        while made.may_try:
            run_id += 1
            made.note_try(run_id)
            batch.append(run_id)
        allowed.append(len(batch))
        made.note_success(batch[0])
        for other in batch[1:]:
            made.note_end(other)
    assert allowed == [1, 2, 4, 8, 16, 32]


def test_one_place_that_comes_free_costs_a_few_tries_however_many_wait():
    made = gate()
    made.note_try(0)
    made.note_refusal(0)
    made.resume(made.pauses)
    made.note_try(1)
    made.note_success(1)
    tried = 0
    while made.may_try:
        tried += 1
        made.note_try(100 + tried)
    assert tried == 2
    assert made.note_refusal(101) == 1.0  # the pauses restart: the quota had room just now
    assert made.note_refusal(102) is None


def test_an_old_timer_ends_no_newer_pause():
    made = gate()
    made.note_try(1)
    made.note_refusal(1)
    old = made.pauses
    made.resume(old)
    made.note_try(1)
    made.note_refusal(1)
    made.resume(old)
    assert not made.may_try


@given(st.integers(2, 50))
def test_whoever_waits_is_chosen_in_the_end_and_the_first_mostly(waiting):
    made = gate()
    made.note_try(0)
    made.note_refusal(0)
    chosen = []
    for _ in range(3 * waiting):
        made.resume(made.pauses)
        chosen.append(made.choose(waiting))
        made.note_try(chosen[-1])
        made.note_refusal(chosen[-1])
    assert set(chosen) == set(range(waiting))
    assert chosen.count(0) == 2 * waiting
    assert max(chosen) < waiting
