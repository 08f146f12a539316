"""Each single change, drop, swap and cut of a trail is named; an honest trail has no finding."""

import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.audit.chain import EMPTY, Head, make_line, read_line
from node_poc.audit.events import Event, torn
from node_poc.audit.verify import StoredLine, verify


def trail(length, before=EMPTY):
    lines, head = [], before
    for n in range(length):
        line, head = make_line(head, float(n), "run taken", {"run": n, "image": f"image-{n}"})
        lines.append(line)
    return lines, head


def verified(lines, *heads):
    stored = [StoredLine(f"f line {number}", raw) for number, raw in enumerate(lines, 1)]
    return verify(stored, [("the Lease", head) for head in heads])


def named(report):
    """Return the numbers of entries that the findings name."""
    return {int(n) for text in report.findings for n in re.findall(r"entr(?:y|ies) (\d+)", text)}


LENGTH = 8
LINES, HEAD = trail(LENGTH)
PLACES = st.integers(0, LENGTH - 1)


def test_an_honest_trail_has_no_finding():
    report = verified(LINES, HEAD)
    assert (report.findings, report.notes) == ([], [])
    assert (report.first, report.entries, report.head) == (1, LENGTH, HEAD)


def test_an_empty_trail_has_no_finding_unless_a_head_is_known():
    assert verified([]).findings == []
    assert "the end is cut" in verified([], HEAD).findings[0]


@given(PLACES, st.data())
def test_any_changed_byte_is_named(place, data):
    line = bytearray(LINES[place])
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte not in {line[at], 10}))
    report = verified([*LINES[:place], bytes(line), *LINES[place + 1 :]])
    assert place + 1 in named(report) or f"f line {place + 1}:" in str(report.findings)


@given(st.integers(0, LENGTH - 2), st.text(max_size=5))
def test_an_entry_with_a_new_hash_is_named_by_its_successor(place, image):
    before = Head(place, read_line(LINES[place]).prev)
    forged, _ = make_line(before, 0.0, "run taken", {"run": place, "image": image})
    report = verified([*LINES[:place], forged, *LINES[place + 1 :]])
    assert named(report) >= {place + 1}


@given(st.integers(1, LENGTH - 2))
def test_a_dropped_line_is_named(place):
    report = verified([*LINES[:place], *LINES[place + 1 :]])
    assert report.findings == [f"entry {place + 1} is missing"]


def test_a_dropped_beginning_is_named():
    report = verified(LINES[3:])
    assert report.findings == ["the entries before entry 4 are missing, or were replaced"]


@given(PLACES, PLACES)
def test_swapped_lines_are_named(one, other):
    if one == other:
        return
    lines = list(LINES)
    lines[one], lines[other] = lines[other], lines[one]
    assert named(verified(lines)) & {one + 1, other + 1}


@given(PLACES, PLACES)
def test_a_line_that_is_there_twice_is_named(place, behind):
    lines = [*LINES[: behind + 1], LINES[place], *LINES[behind + 1 :]]
    report = verified(lines)
    assert place + 1 in named(report)


@given(st.integers(0, LENGTH - 1))
def test_a_cut_end_is_named_by_the_head_alone(length):
    assert verified(LINES[:length]).findings == []
    [finding] = verified(LINES[:length], HEAD).findings
    assert finding == f"the end is cut: the last entry is {length}, and the Lease knows entry 8"


@given(PLACES, st.data())
def test_a_line_cut_in_the_middle_is_named(place, data):
    """A cut at the line feed joins two lines."""
    cut = data.draw(st.integers(0, len(LINES[place]) - 1))
    lines = [*LINES[:place], LINES[place][:cut], *LINES[place + 1 :]]
    assert place + 1 in named(verified(lines))


def test_a_last_line_without_its_end_is_named():
    for raw in (LINES[-1], LINES[-1][:40]):
        stored = [StoredLine("f", each) for each in LINES[:-1]]
        report = verify([*stored, StoredLine("f", raw, has_end=False)])
        assert LENGTH in named(report)
        assert "cut" in report.findings[0]


@given(st.integers(0, LENGTH - 2))
def test_a_trail_that_was_rewritten_to_its_end_is_named_by_the_head(place):
    before = Head(place, read_line(LINES[place]).prev)
    first, head = make_line(before, 0.0, "run taken", {"run": "another"})
    rewritten = [first, *trail(LENGTH - place - 1, head)[0]]
    forged = [*LINES[:place], *rewritten]
    assert verified(forged).findings == []
    assert "the trail was rewritten" in verified(forged, HEAD).findings[0]


def test_a_torn_line_that_the_node_has_recorded_is_a_note():
    tail = LINES[5][:30]
    line, head = make_line(read_line(LINES[4]).head, 9.0, Event.TORN_LINE, torn(tail))
    more, _ = trail(2, head)
    report = verified([*LINES[:5], tail, line, *more])
    assert report.findings == []
    assert "entry 6 records it" in report.notes[0]


def test_a_torn_line_that_was_changed_later_is_named():
    tail = LINES[5][:30]
    line, _ = make_line(read_line(LINES[4]).head, 9.0, Event.TORN_LINE, torn(tail))
    assert 6 in named(verified([*LINES[:5], tail + b"x", line]))


def test_torn_bytes_with_line_feeds_are_explained_as_a_whole():
    tail = b"\0\0\n\0\0\n"
    line, _ = make_line(read_line(LINES[4]).head, 9.0, Event.TORN_LINE, torn(tail))
    assert verified([*LINES[:5], b"\0\0", b"\0\0", line]).findings == []


def removal(head, last):
    facts = {"file": "1.jsonl", "last": last.n, "last_hash": last.hash}
    return make_line(head, 9.0, Event.FILE_REMOVED, facts)[0]


def test_a_beginning_that_the_node_has_removed_is_no_finding():
    lines = [*LINES, removal(HEAD, read_line(LINES[3]).head)]
    assert verified(lines[4:]).findings == []
    assert verified(lines[5:]).findings == [
        "the entries before entry 6 are missing, or were replaced"
    ]
    assert verified(lines[4:], read_line(LINES[1]).head).notes


@pytest.mark.parametrize("event", [Event.HEAD_MISSING, Event.FILE_CHANGED, Event.ENTRIES_LOST])
def test_damage_that_the_node_has_noted_stays_a_finding(event):
    line, _ = make_line(HEAD, 9.0, event, {})
    assert "the node itself noted" in verified([*LINES, line]).findings[0]


def test_a_forged_number_costs_no_memory():
    line, _ = make_line(Head(10**14, "0" * 64), 0.0, "x", {})
    assert len(verified([*LINES, line]).findings) == 1000


def test_the_hash_is_the_sha256_of_the_line_in_front():
    """Another program can verify the trail by the rule in the documents."""
    front, _, _ = LINES[0].rpartition(b',"hash":"')
    assert json.loads(LINES[0])["hash"] == hashlib.sha256(front).hexdigest()
