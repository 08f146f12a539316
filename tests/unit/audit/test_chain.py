"""The lines of the audit trail, and the chain of their hashes."""

import json

import pytest

from node_poc.audit.chain import EMPTY, Head, make_line, parse_head, read_line


def test_an_entry_is_read_as_it_was_written():
    line, head = make_line(EMPTY, 0.5, "run taken", {"run": 7, "image": "a/b:c", "user": None})
    entry = read_line(line)
    assert entry.is_intact
    assert (entry.head, entry.prev, entry.event) == (head, EMPTY.hash, "run taken")
    assert entry.at == "1970-01-01T00:00:00.500+00:00"
    assert entry.facts == {"run": 7, "image": "a/b:c"}


def test_an_entry_names_the_entry_before():
    _, first = make_line(EMPTY, 0, "x", {})
    line, second = make_line(first, 0, "x", {})
    assert read_line(line).prev == first.hash
    assert second.n == 2
    assert second.hash != first.hash


def test_facts_cannot_take_the_place_of_the_chains_own_fields():
    line, _ = make_line(EMPTY, 0, "real", {"n": 99, "prev": "x", "event": "false", "at": "never"})
    entry = read_line(line)
    assert (entry.n, entry.event, entry.prev) == (1, "real", EMPTY.hash)


def test_whatever_a_sender_makes_long_is_cut():
    facts = {"reason": "r" * 10**6, "databases": ["d" * 10**4] * 10**4, "x": {"y": "z" * 10**5}}
    line, _ = make_line(EMPTY, 0, "run refused", facts)
    assert len(line) < 60_000
    assert read_line(line).facts["reason"].endswith("r...")
    assert len(read_line(line).facts["databases"]) == 101


def test_a_line_stays_a_line():
    line, _ = make_line(EMPTY, 0, "run refused", {"reason": 'a\nb"}\r\u2028,"hash":"x"}'})
    assert b"\n" not in line
    assert read_line(line).is_intact


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"\0" * 300,
        b'{"n":1}',
        b'[],"hash":"' + b"0" * 64 + b'"}',
        b'{"n":true,"prev":"","at":"","event":"","hash":"' + b"0" * 64 + b'"}',
        b'{"n":-1,"prev":"","at":"","event":"","hash":"' + b"0" * 64 + b'"}',
        b'{"n":1,"prev":7,"at":"","event":"","hash":"' + b"0" * 64 + b'"}',
        b"[" * 100_000 + b'{,"hash":"' + b"0" * 64 + b'"}',
        b"{" + b'"a":[' * 50_000 + b',"hash":"' + b"0" * 64 + b'"}',
    ],
    ids=range(10),
)
def test_other_lines_are_no_entries(line):
    assert read_line(line) is None


def test_a_second_hash_in_the_line_counts_for_nothing():
    line, _ = make_line(EMPTY, 0, "x", {})
    fields = json.loads(line)
    forged = line.replace(b'{"n"', b'{"hash":"' + fields["hash"].encode() + b'","n"')
    assert not read_line(forged).is_intact


def test_a_head_is_one_word():
    head = Head(12, "ab" * 32)
    assert parse_head(str(head)) == head


@pytest.mark.parametrize("text", ["", "12", "x:" + "0" * 64, "1:xyz", "1" * 16 + ":" + "0" * 64])
def test_other_texts_are_no_heads(text):
    with pytest.raises(ValueError, match="number of an entry"):
        parse_head(text)
