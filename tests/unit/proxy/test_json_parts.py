"""JSON whose long base64 strings are not parsed: the output equals the input."""

import json
import mmap
import threading
import time
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from node_poc.proxy.json_parts import JsonParts, JsonPartsError

base64ish = st.text(alphabet="ABCxyz019+/=$", min_size=250, max_size=300)
strings = st.text(max_size=20) | base64ish | base64ish.map(lambda text: f': "{text}"')
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | strings,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(strings, inner, max_size=3),
    max_leaves=6,
)
LONG = "QUJD" * 100


def written(parts):
    return json.loads(b"".join(parts.pieces()))


@given(values, st.sampled_from([None, 1]), st.booleans())
@example({"a": LONG, LONG: [LONG, f'"{LONG}"', f'\\"{LONG}', f': "{LONG}"']}, None, True)
@example(LONG, None, True)
def test_it_is_written_as_it_was_read(value, indent, ascii_only):
    body = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    parts = JsonParts(body.encode("utf-8", "replace"))
    assert written(parts) == json.loads(body.encode("utf-8", "replace"))


def test_long_strings_are_found_and_can_be_replaced():
    parts = JsonParts(json.dumps({"input": LONG, "short": "e30="}).encode())
    assert bytes(parts.text(parts.value["input"])) == LONG.encode()
    assert parts.text(parts.value["short"]) == b"e30="
    parts.value["input"] = parts.put(lambda: [b"new", b"er"])
    assert written(parts) == {"input": "newer", "short": "e30="}


def test_a_string_that_looks_like_a_placeholder_is_none():
    body = json.dumps({"a": "part-0", "b": LONG, "c": "part-00-0"}).encode()
    assert written(JsonParts(body)) == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"1" * 5000,
        b'{"a" "' + LONG.encode() + b'"}',
        b'{"a:"' + LONG.encode() + b'"}',
        b'"' + b"A" * 400,
    ],
    ids=range(9),
)
def test_what_is_no_json_is_refused(body):
    with pytest.raises(JsonPartsError, match="not JSON"):
        JsonParts(body)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(body):
    try:
        parts = JsonParts(body)
    except JsonPartsError:
        return
    written(parts)


@pytest.mark.parametrize("junk", [b"[],", b'{"":0},'])
def test_json_that_is_not_base64_may_not_be_big(junk):
    with pytest.raises(JsonPartsError, match="not base64"):
        JsonParts(b"[" + junk * (600_000 // len(junk)) + b"0]")


def test_there_may_not_be_many_long_strings():
    def body(count):
        return json.dumps([LONG] * count).encode()

    assert len(JsonParts(body(2000)).value) == 2000
    with pytest.raises(JsonPartsError, match="more than 2000 inputs"):
        JsonParts(body(2001))
    with pytest.raises(JsonPartsError, match="more than 2000 inputs"):
        JsonParts(body(100_000))


@pytest.mark.parametrize(
    "junk", [b"[],", b'{"":0},', b'{"a":{}},', b"1.5,", b'"' + b"A" * 300 + b'",']
)
def test_whatever_is_read_takes_little_memory(junk):
    """A body of megabytes of brackets would become a hundred megabytes of objects."""
    count = min(499_000 // len(junk), 1990) if len(junk) > 256 else 499_000 // len(junk)
    tracemalloc.start()
    parts = JsonParts(b"[" + junk * count + b"0]")
    sum(len(piece) for piece in parts.pieces())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000


def test_long_strings_take_no_memory():
    body = json.dumps({"organizations": [{"id": 1, "input": "QUJD" * 5_000_000}]}).encode()
    tracemalloc.start()
    parts = JsonParts(body)
    size = sum(len(piece) for piece in parts.pieces())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == len(body)
    assert peak < len(body) / 10


class Ticker(threading.Thread):
    """Count how often another thread of the process runs."""

    def __init__(self):
        super().__init__(daemon=True)
        self.count, self.over = 0, False

    def run(self):
        while not self.over:
            self.count += 1
            time.sleep(0)


def test_while_a_large_body_is_read_other_threads_go_on():
    """A single pattern over 200 MB used to stop the whole proxy for seconds: nobody got answers."""
    body = b'{"a": "' + b"QUJD" * 25_000_000 + b'"}'
    ticker = Ticker()
    ticker.start()
    before = ticker.count
    JsonParts(body).close()
    turns, ticker.over = ticker.count - before, True
    assert turns >= 8


@pytest.mark.parametrize("junk", [b" ", b'"', b":", b'"' + b"A" * 300])
def test_of_a_huge_body_that_is_no_base64_little_is_looked_at(tmp_path, junk):
    """Of a gigabyte of blanks, 0.5 MB is read: the rest could not make the body valid."""
    with (tmp_path / "body").open("w+b") as file:
        file.write(b"[" + junk * (2_000_000 // len(junk)))
        file.truncate(64 << 30)
        with (
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body,
            pytest.raises(JsonPartsError, match="not base64"),
        ):
            JsonParts(body)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["A" * 255, "A" * 256, "A" * 1000, "B" * 600_000, "x", "!" * 300, '"', "\\"]
        ),
        max_size=6,
    ),
    st.integers(0, 2000),
)
def test_windows_change_nothing(strings, blanks):
    whole = {"list": strings, "blanks": " " * (262_144 - 1000 + blanks)}
    body = json.dumps(whole).encode()
    parts = JsonParts(body)
    assert json.loads(b"".join(parts.pieces())) == whole
    parts.close()
