"""Reading JSON in pieces of any size: the reader leaves out strings above a limit."""

import json
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node_poc.protocol.vantage6.rest import long_strings
from node_poc.protocol.vantage6.rest.long_strings import AnswerCutter, TooMuchError, is_left_out

SHORT = 8  # the limit in bytes of JSON, for these tests


@pytest.fixture(autouse=True, scope="module")
def low_limit():
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(long_strings, "LONGEST", SHORT)
        yield


def cut(text, sizes=(), kept=0):
    """Return the cutter after it read a text in pieces of these sizes, and its result."""
    cutter, start = AnswerCutter(kept), 0
    for size in sizes:
        cutter.update(text[start : start + size])
        start += size
    cutter.update(text[start:])
    return cutter, cutter.finish()


def is_long(text):
    return len(json.dumps(text)) - 2 > SHORT


def put_back(value, cutter):
    """Put left-out strings back into a value; fail unless exactly the long ones were left out."""
    if isinstance(value, dict):
        return {put_back(key, cutter): put_back(each, cutter) for key, each in value.items()}
    if isinstance(value, list):
        return [put_back(each, cutter) for each in value]
    if not isinstance(value, str):
        return value
    kept = cutter.kept(value)
    assert is_left_out(value) is (kept is not None)
    text = value if kept is None else json.loads(b'"' + kept + b'"')
    assert is_long(text) is (kept is not None)
    return text


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
def test_what_is_long_is_left_out_and_kept_beside_it(value, sizes):
    cutter, left = cut(json.dumps(value).encode(), sizes, kept=100_000)
    assert put_back(json.loads(left), cutter) == value


def test_nothing_is_kept_if_that_is_not_asked():
    cutter, left = cut(json.dumps({"a": "x" * 100}).encode())
    assert cutter.kept(json.loads(left)["a"]) == b""


def test_no_more_is_kept_than_may_be():
    text = json.dumps("x" * 100).encode()
    cutter, left = cut(text, kept=100)
    assert cutter.kept(json.loads(left)) == b"x" * 100
    with pytest.raises(TooMuchError, match="larger than 0 MiB"):
        cut(text, kept=99)


@pytest.mark.parametrize("text", [b"[" * 3_000_000, b" " * 3_000_000, b"[1," * 1_000_000])
def test_json_that_is_all_but_strings_is_not_read_on(text):
    with pytest.raises(TooMuchError, match="larger than any answer"):
        cut(text)


def test_many_short_strings_are_not_read_on(monkeypatch):
    monkeypatch.setattr(long_strings, "LONGEST", 1 << 20)
    text = (b'"' + b"x" * (1 << 20) + b'"') * 70
    with pytest.raises(TooMuchError, match="larger than any answer"):
        cut(text)


@pytest.mark.parametrize("text", [b'{"a": "bbbbbbbbbbbbbbbb', b'{"a": "b', b'"\\'])
def test_what_breaks_off_is_no_json(text):
    with pytest.raises(ValueError, match=r"."):
        json.loads(cut(text)[1])


def test_what_is_left_out_takes_no_memory(monkeypatch):
    monkeypatch.setattr(long_strings, "LONGEST", 1 << 20)
    piece = b"A" * (1 << 20)
    cutter = AnswerCutter()
    tracemalloc.start()
    try:
        cutter.update(b'{"data": [{"input": "')
        for _ in range(100):
            cutter.update(piece)
        cutter.update(b'"}]}')
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert is_left_out(json.loads(cutter.finish())["data"][0]["input"])
    assert peak < 8 << 20
