"""Names of blobs by owner: limited in number; an owner of many never displaces an owner of few."""

from hypothesis import given
from hypothesis import strategies as st

from node_poc.proxy.stored import StoredNames


def test_a_name_belongs_to_who_was_told_it():
    names = StoredNames()
    names.add("a", ["1", "2"])
    names.add("b", ["3"])
    assert names.of("a") == {"1", "2"}
    assert names.has("b", "3")
    assert not names.has("a", "3")
    assert not names.has("nobody", "1")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), max_size=100))
def test_it_stays_small_and_who_has_few_keeps_them(added):
    names = StoredNames(most=9)
    for owner, number in added:
        names.add(owner, [str(number)])
        assert names.has(owner, str(number)) or len(names.of(owner)) >= 3
        assert sum(len(names.of(each)) for each in "abc") <= 9
    few = [owner for owner in "abc" if len({n for o, n in added if o == owner}) <= 3]
    for owner in few:
        assert names.of(owner) == {str(n) for o, n in added if o == owner}


def test_who_has_most_loses_the_oldest():
    names = StoredNames(most=3)
    names.add("a", ["1", "2", "3"])
    names.add("a", ["1"])
    names.add("b", ["4"])
    assert names.of("a") == {"3", "1"}
    assert names.of("b") == {"4"}
