"""Where requests start and end, whatever pieces the requests arrive in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.proxy.framing import Framing, HeadTooLargeError

HEAD_BYTES, HEAD_LINES = 2000, 10


def framing():
    return Framing(HEAD_BYTES, HEAD_LINES)


def head(*fields):
    return b"\r\n".join([b"POST /x HTTP/1.1", b"Host: a", *fields, b"", b""])


@st.composite
def requests(draw):
    body = draw(st.binary(max_size=300))
    kind = draw(st.sampled_from(["none", "length", "chunked"]))
    if kind == "none":
        return head()
    if kind == "length":
        return head(b"content-LENGTH: %d" % len(body)) + body
    chunks, rest = b"", body
    while rest:
        size = draw(st.integers(1, len(rest)))
        extension = draw(st.sampled_from([b"", b";a=b"]))
        chunks += b"%x%b\r\n%b\r\n" % (size, extension, rest[:size])
        rest = rest[size:]
    trailer = draw(st.sampled_from([b"", b"X: y\r\n"]))
    return head(b"Transfer-Encoding: Chunked") + chunks + b"0\r\n" + trailer + b"\r\n"


@given(st.lists(requests(), min_size=1, max_size=4), st.data())
def test_pipelined_requests_are_told_apart_however_they_come(sent, data):
    stream, reader, got, ready, rest = b"".join(sent), framing(), [], b"", b""
    while stream or rest:
        if reader.is_over:
            got.append(ready)
            ready = b""
            reader.begin()
        size = data.draw(st.integers(1, reader.wanted_bytes)) if stream else 0
        rest, stream = rest + stream[:size], stream[size:]
        piece, rest = reader.take(rest)
        ready += piece
    assert reader.is_over
    assert [*got, ready] == sent


@given(st.binary(max_size=4000), st.data())
def test_any_bytes_are_handed_on_in_order_or_held_or_refused(junk, data):
    reader, ready, stream, rest = framing(), b"", junk, b""
    while stream and not reader.is_over:
        size = data.draw(st.integers(1, 500))
        rest, stream = rest + stream[:size], stream[size:]
        try:
            piece, rest = reader.take(rest)
        except HeadTooLargeError:
            return
        ready += piece
        assert reader.head_size <= HEAD_BYTES
    assert ready in junk


@pytest.mark.parametrize(
    "fields",
    [
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"Content-Length: 5", b"Content-Length: 5"],
        [b"Content-Length: +5"],
        [b"Content-Length: 0x5"],
        [b"Transfer-Encoding: gzip, chunked"],
    ],
)
def test_of_a_body_without_a_sure_end_nothing_is_handed_on(fields):
    reader = framing()
    ready, rest = reader.take(head(*fields) + b"12345")
    assert (ready, rest, reader.is_over) == (head(*fields), b"12345", True)


@pytest.mark.parametrize("size", [b"zz", b"", b"-1", b"5" * 300, b"5" * 20])
def test_a_chunk_without_a_sure_size_ends_it(size):
    reader = framing()
    reader.take(head(b"Transfer-Encoding: chunked") + size + b"\r\n12345\r\n")
    assert reader.is_over


def test_a_trailer_has_its_limit():
    reader = framing()
    reader.take(head(b"Transfer-Encoding: chunked") + b"0\r\n" + b"X: y\r\n" * 2000)
    assert reader.is_over


def take_in_steps(reader, data, step):
    for start in range(0, len(data), step):
        reader.take(data[start : start + step])


@pytest.mark.parametrize("step", [1, 7, 5000])
@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"y" * HEAD_BYTES, "more than 2000 bytes"),
        (b"y" * (HEAD_BYTES + 1), "more than 2000 bytes"),
        (head(*[b"X: y"] * HEAD_LINES), "more than 10 headers"),
        (head(*[b"X: y"] * 50).removesuffix(b"\r\n\r\n"), "more than 10 headers"),
    ],
    ids=range(4),
)
def test_a_head_has_its_limits_whole_or_not(data, told, step):
    with pytest.raises(HeadTooLargeError, match=told):
        take_in_steps(framing(), data, step)


def test_the_largest_head_passes_and_what_follows_does_not_count():
    whole = head(*[b"X: y"] * (HEAD_LINES - 2), b"Content-Length: 3000")
    assert framing().take(whole + b"x" * 3000) == (whole + b"x" * 3000, b"")


def test_empty_lines_before_a_request_are_dropped():
    reader = framing()
    for _ in range(HEAD_BYTES):
        assert reader.take(b"\r\n") == (b"", b"")
    assert reader.head_size == 0
    assert reader.take(b"\n" + head())[0] == head()
