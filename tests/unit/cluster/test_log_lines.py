"""The reader returns each byte of a log once and in order, for any pieces and any breaks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.cluster.log_lines import LineReader, Position
from tests.unit.cluster.kubelet_logs import Entry, render, stamp

BEGIN = 1_700_000_000 * 10**9


def entries_of(lines: list[bytes], steps: list[int]) -> list[Entry]:
    at, made = BEGIN, []
    for line, step in zip(lines, steps, strict=True):
        at += step
        made.append(Entry(at, line))
    return made


def feed(reader: LineReader, data: bytes, size: int) -> tuple[bytes, Position | None]:
    taken, position = b"", None
    for begin in range(0, len(data), size):
        piece = reader.feed(data[begin : begin + size])
        if piece is not None:
            taken, position = taken + piece.data, piece.position
    return taken, position


def take_all(entries: list[Entry], cuts: list[int], size: int) -> bytes:
    """Read a log over several connections, cut after the given bytes; the last is not cut."""
    taken, position = b"", Position()
    for cut in [*cuts, 10**9]:
        data = b"".join(render(entries, position.since()))[:cut]
        reader = LineReader(Position.parse(str(position)))
        part, after = feed(reader, data, size)
        taken += part
        position = after or position
    return taken


LINE = st.one_of(
    st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"") + b"\n"),
    st.sampled_from([b"\n", b"\r\n", stamp(BEGIN) + b"as if\n", b"2023-11-14T22:13:20Z\n"]),
    st.binary(min_size=1, max_size=80).map(lambda data: data.replace(b"\n", b"x")),  # line part
)
STEP = st.sampled_from([0, 1, 100, 10**6, 400 * 10**6, 10**9])


@given(
    st.lists(st.tuples(LINE, STEP), max_size=120),
    st.lists(st.integers(0, 4000), max_size=6),
    st.integers(1, 300),
)
def test_breaks_anywhere_lose_and_double_nothing(written, cuts, size):
    # The kubelet stamps a line only once, so the parts of a line get stamps of the same moment.
    lines = [line for line, _ in written]
    steps = [step for _, step in written]
    for index in range(1, len(lines)):
        if not lines[index - 1].endswith(b"\n"):
            steps[index] = 1
    # Lines with more equal stamps in a row than the reader remembers cannot be told apart.
    for index in range(len(steps)):
        if index % 8 == 0:
            steps[index] = max(steps[index], 1)
    entries = entries_of(lines, steps)
    assert take_all(entries, cuts, size) == b"".join(lines)


def test_lines_that_swapped_their_stamps_are_kept():
    lines = [b"%d\n" % number for number in range(6)]
    entries = [Entry(BEGIN + at, line) for at, line in zip([1, 3, 2, 5, 4, 6], lines, strict=True)]
    whole = b"".join(render(entries, None))
    for cut in range(len(whole)):
        assert take_all(entries, [cut], 7) == b"".join(lines)


def test_an_open_line_that_is_never_told_on_is_ended():
    first, position = feed(LineReader(Position()), stamp(BEGIN) + b"half", 5)
    assert first == b"half"
    assert position is not None
    later, _ = feed(LineReader(position), stamp(BEGIN + 5) + b"next\n", 99)
    assert later == b"\nnext\n"


def test_a_line_without_an_end_costs_no_memory():
    reader = LineReader(Position())
    reader.feed(stamp(BEGIN))
    for _ in range(1000):
        piece = reader.feed(b"x" * 10_000)
        assert piece is not None
        assert len(piece.data) == 10_000
    assert len(reader._rest) == 0
    assert piece.position == Position((stamp(BEGIN)[:-1],), 10_000_000)


def test_zones_and_short_fractions_are_the_same_moments():
    one = Position((b"2026-01-01T12:00:00.5+02:00", b"2026-01-01T10:00:01Z"))
    assert one.since() == 1767261600
    piece = LineReader(one).feed(
        b"2026-01-01T10:00:00.4Z new\n2026-01-01T12:00:00.5+02:00 old\n"
        b"2026-01-01T10:00:01Z old\n2026-01-01T10:00:01.1Z new\n"
    )
    assert piece is not None
    assert piece.data == b"new\nnew\n"


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"recent": ["x"], "open_bytes": 1}'])
def test_a_bookmark_that_is_none_means_the_begin(text):
    assert Position.parse(text) == Position()
    assert Position().since() is None
