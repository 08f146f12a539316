"""Cutting long strings out of JSON, in pieces of any size."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from node_poc.crypto.string_cutter import LongStringCutter, new_mark

LONGEST = 8  # in bytes of JSON
MARK = new_mark("cut")

texts = st.text(max_size=12) | st.text(alphabet='"\\\u00e9ab', max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
sizes = st.lists(st.integers(0, 9), max_size=60)


def cut(body, sizes, keep=None):
    cutter, start = LongStringCutter(MARK, LONGEST, keep), 0
    for size in [*sizes, len(body)]:
        cutter.update(body[start : start + size])
        start += size
    return cutter


@given(values, sizes, st.booleans())
@example(["x" * 8, "x" * 9, "\\" * 9, '"' * 9], [1] * 80, False)
@example(["", "x" * 9, ""], [3], True)
def test_with_the_long_strings_put_back_the_json_is_as_before(value, sizes, ascii_only):
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    kept = {}

    def keep(number, content):
        kept[number] = kept.get(number, b"") + content

    cutter = cut(body, sizes, keep)
    text = cutter.text()
    for number in reversed(range(len(cutter.spans))):
        first, end = cutter.spans[number]
        assert end - first > LONGEST
        assert kept[number] == body[first:end]
        text = text.replace(f'"{MARK}{number}"'.encode(), body[first - 1 : end + 1])
    assert text == body
    assert cutter.short_bytes == len(body) - sum(end - first for first, end in cutter.spans)


@given(values, sizes)
def test_bytes_outside_of_strings_are_counted_with_the_quotes(value, sizes):
    body = json.dumps(value).encode()
    inside, in_string, escaped = 0, False, False
    for byte in body.decode():
        ends = in_string and not escaped and byte == '"'
        inside += in_string and not ends
        in_string = byte == '"' if not in_string else not ends
        escaped = in_string and not escaped and byte == "\\"
    assert cut(body, sizes).outside_bytes == len(body) - inside


def test_nobody_can_know_a_mark():
    assert len({new_mark("cut") for _ in range(100)}) == 100
