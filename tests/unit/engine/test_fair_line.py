"""Properties of the waiting line, for any order of arriving, taking and putting back."""

from hypothesis import given
from hypothesis import strategies as st

from node_poc.engine.fair_line import FairLine

OWNERS = st.sampled_from("abcd")
COMINGS = st.lists(OWNERS, max_size=40)
# "take" takes the first run, "back" puts back the run taken last.
STEPS = st.lists(st.one_of(OWNERS, st.sampled_from(["take", "back", "forget"])), max_size=80)


def line_of(owners):
    line = FairLine()
    for run_id, owner in enumerate(owners):
        line.add(run_id, owner)
    return line


def take_all(line):
    taken = []
    while len(line):
        run_id = next(iter(line))
        line.take(run_id)
        taken.append(run_id)
    return taken


def test_five_hundred_runs_of_one_delay_the_next_of_another_by_one():
    line = line_of("a" * 500 + "b")
    assert list(line)[:3] == [0, 500, 1]


def test_a_run_is_told_its_place_when_it_comes():
    line = line_of("aaa")
    assert [line.add(10, "b"), line.add(11, "b"), line.add(12, "c"), line.add(13, "a")] == [
        1,
        3,
        2,
        6,
    ]


@given(COMINGS)
def test_places_are_the_order_of_the_starts(owners):
    line = line_of(owners)
    places = list(line)
    assert take_all(line) == places
    assert sorted(places) == list(range(len(owners)))


@given(COMINGS, OWNERS)
def test_what_a_run_is_told_when_it_comes_is_its_place(owners, owner):
    line = line_of(owners)
    before = line.add(1000, owner)
    assert list(line).index(1000) == before


@given(COMINGS)
def test_each_owners_runs_start_in_the_order_they_came(owners):
    taken = take_all(line_of(owners))
    for owner in set(owners):
        own = [run_id for run_id in taken if owners[run_id] == owner]
        assert own == sorted(own)


@given(st.lists(OWNERS, min_size=1, max_size=20), st.data())
def test_nobody_starves_whoever_goes_on_coming(owners, data):
    """Each start lets another run arrive, of an old or a new owner: the wait has a bound."""
    line = line_of(owners)
    which = data.draw(st.integers(0, len(owners) - 1))
    comers = data.draw(st.lists(OWNERS | st.just("new"), min_size=5, max_size=20))
    bound = (owners[:which].count(owners[which]) + 1) * (len(owners) + 1)
    for started in range(bound):
        run_id = next(iter(line))
        line.take(run_id)
        if run_id == which:
            return
        owner = comers[started % len(comers)]
        line.add(1000 + started, f"new{started}" if owner == "new" else owner)
    raise AssertionError(f"run {which} did not start within {bound} starts")


@given(COMINGS, st.data())
def test_whoever_is_put_back_stands_where_they_stood(owners, data):
    line = line_of(owners)
    before = list(line)
    count = data.draw(st.integers(0, len(before)))
    taken = before[:count]
    for run_id in taken:
        line.take(run_id)
    for run_id in data.draw(st.permutations(taken)):
        line.put_back(run_id)
    first_of_each = list({owners[run_id]: run_id for run_id in reversed(before)}.values())
    again = list(line)
    assert sorted(again) == sorted(before)
    firsts = [run_id for run_id in again if run_id in first_of_each]
    assert firsts == sorted(first_of_each, key=before.index)


@given(STEPS)
def test_nothing_is_lost_and_nothing_is_there_twice(steps):
    line, wait, taken = FairLine(), {}, []
    for run_id, step in enumerate(steps):
        if step == "take" and len(line):
            first = next(iter(line))
            line.take(first)
            taken.append((first, wait.pop(first)))
        elif step == "back" and taken:
            back, owner = taken.pop()
            line.put_back(back)
            wait[back] = owner
        elif step == "forget":
            gone = [*wait, *(each for each, _ in taken)][:1]
            line.forget(gone[0] if gone else 1000)
            taken = [each for each in taken if each[0] not in gone]
            wait = {each: owner for each, owner in wait.items() if each not in gone}
        elif step in "abcd":
            line.add(run_id, step)
            wait[run_id] = step
        assert sorted(line) == sorted(wait)
        assert len(line) == len(wait)
