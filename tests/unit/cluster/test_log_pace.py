"""How fast the node follows logs."""

from hypothesis import given
from hypothesis import strategies as st

from node_poc.cluster.log_pace import LogPace

RATE, MOST = 1000.0, 10_000.0


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def paces(together=(1e9, 1e9)):
    clock = Clock()
    return clock, LogPace((RATE, MOST), together, clock)


def test_a_quiet_run_is_never_left_alone():
    clock, pace = paces()
    run = pace.new_run_pace()
    for _ in range(1000):
        run.note_piece(500)
        assert run.pause() == 0
        clock.now += 1.0


def test_who_has_used_the_budget_up_waits_until_half_of_it_is_back():
    clock, pace = paces()
    run = pace.new_run_pace()
    run.note_piece(int(MOST))
    wait = run.pause()
    assert 5 <= wait <= 5.5
    clock.now += wait
    assert run.pause() == 0


def test_many_small_pieces_cost_more_than_their_bytes():
    _, pace = paces()
    run = pace.new_run_pace()
    for _ in range(100):
        run.note_piece(1)
    assert run.pause() > 0


def test_a_line_costs_more_than_its_bytes():
    """A kubelet works about 12 µs for a line, however short the line is."""
    _, pace = paces()
    run = pace.new_run_pace()
    run.note_piece(3200, lines=100)  # new lines only, each after its time stamp
    assert run.pause() > 0


@given(st.lists(st.integers(1, 65536), min_size=1, max_size=200))
def test_what_is_followed_for_long_is_no_more_than_the_rate(pieces):
    clock, pace = paces()
    run, taken = pace.new_run_pace(), 0
    for piece in pieces:
        clock.now += run.pause()
        run.note_piece(piece)
        taken += piece
        assert taken <= MOST + RATE * clock.now + 65536


def test_all_together_have_a_budget_that_spares_the_quiet():
    _, pace = paces(together=(RATE, MOST))
    quiet, loud, other = pace.new_run_pace(), pace.new_run_pace(), pace.new_run_pace()
    quiet.note_piece(10)
    loud.note_piece(6000)
    other.note_piece(6000)  # the shared budget is used up, the budgets of the two runs are not
    assert quiet.pause() == 0
    assert loud.pause() > 0
    assert other.pause() > 0
