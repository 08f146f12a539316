"""JSON with strings of any length: read in any pieces, the long ones are left out."""

import json
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node_poc.protocol import vantage6_cut
from node_poc.protocol.vantage6_cut import CUT, Cutter, TooMuchError

SHORT = 8  # in bytes of JSON, for these tests


@pytest.fixture(autouse=True, scope="module")
def low_limit():
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(vantage6_cut, "LONGEST", SHORT)
        yield


def cut(text, sizes=(), kept=0):
    """The cutter that read a text in pieces of these sizes, and what it gave."""
    cutter, start = Cutter(kept), 0
    for size in sizes:
        cutter.update(text[start : start + size])
        start += size
    cutter.update(text[start:])
    return cutter, cutter.finish()


def expected(value):
    """What is to be read of a value."""
    if isinstance(value, dict):
        return {expected(key): expected(each) for key, each in value.items()}
    if isinstance(value, list):
        return [expected(each) for each in value]
    return CUT if isinstance(value, str) and len(json.dumps(value)) - 2 > SHORT else value


texts = st.text(max_size=12) | st.text(alphabet='"\\\u00e9ab', max_size=12)
keys = st.text(max_size=1)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)
sizes = st.lists(st.integers(0, 9), max_size=60)


@given(values, sizes)
@example('"' * 9, [1] * 30)
@example("\\" * 9, [1] * 30)
@example({"a": "x" * 8, "b": "x" * 9}, [])
@example(["", "x" * 9, ""], [3])
def test_it_is_the_json_without_what_is_long(value, sizes):
    text = json.dumps(value).encode()
    cutter, left = cut(text, sizes)
    assert json.loads(left) == expected(value)
    assert cutter.cuts == left.count(CUT.encode())


@given(st.text(alphabet='ab\u00e9"\\', min_size=9, max_size=60), sizes)
def test_what_is_left_out_is_kept_if_that_is_asked(text, sizes):
    cutter, left = cut(json.dumps({"a": "b", "c": text}).encode(), sizes, kept=1000)
    assert json.loads(left) == {"a": "b", "c": CUT}
    assert cutter.cuts == 1
    assert json.loads(b'"' + cutter.cut.getvalue() + b'"') == text


def test_no_more_is_kept_than_may_be():
    text = json.dumps("x" * 100).encode()
    assert len(cut(text, kept=100)[0].cut.getvalue()) == 100
    with pytest.raises(TooMuchError, match="larger than 0 MiB"):
        cut(text, kept=99)


@pytest.mark.parametrize("text", [b"[" * 3_000_000, b" " * 3_000_000, b"[1," * 1_000_000])
def test_json_that_is_all_but_strings_is_not_read_on(text):
    with pytest.raises(TooMuchError, match="larger than any answer"):
        cut(text)


def test_many_short_strings_are_not_read_on(monkeypatch):
    monkeypatch.setattr(vantage6_cut, "LONGEST", 1 << 20)
    text = (b'"' + b"x" * (1 << 20) + b'"') * 70
    with pytest.raises(TooMuchError, match="larger than any answer"):
        cut(text)


@pytest.mark.parametrize("text", [b'{"a": "bbbbbbbbbbbbbbbb', b'{"a": "b', b'"\\'])
def test_what_breaks_off_is_no_json(text):
    with pytest.raises(ValueError, match=r"."):
        json.loads(cut(text)[1])


def test_what_is_left_out_takes_no_memory(monkeypatch):
    monkeypatch.setattr(vantage6_cut, "LONGEST", 1 << 20)
    piece = b"A" * (1 << 20)
    cutter = Cutter()
    tracemalloc.start()
    try:
        cutter.update(b'{"data": [{"input": "')
        for _ in range(100):
            cutter.update(piece)
        cutter.update(b'"}]}')
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert json.loads(cutter.finish()) == {"data": [{"input": CUT}]}
    assert peak < 8 << 20
