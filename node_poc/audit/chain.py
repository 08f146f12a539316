"""PURE: the form of an entry of the audit trail, and the chain that connects entries.

An entry is a line of JSON. ``n`` counts the entries from 1, ``prev`` is the hash of the entry
before, and ``hash``, always the last field, is the SHA-256 of all bytes of the line in front of
``,"hash"``. Each hash thereby depends on all entries before.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

# Whatever a task's sender can make long is cut, so that an entry stays below some 20 KiB.
_LONGEST_TEXT = 500
_LONGEST_LIST = 100
_MOST_DIGITS = 15
_HASHED = re.compile(rb'(\{.*),"hash":"([0-9a-f]{64})"\}', re.DOTALL)
_HEAD = re.compile(rf"([0-9]{{1,{_MOST_DIGITS}}}):([0-9a-f]{{64}})", re.ASCII)


@dataclass(frozen=True)
class Head:
    """The last entry of a trail: its number and its hash."""

    n: int
    hash: str

    def __str__(self) -> str:
        """Return the head in one word, for ``parse_head``."""
        return f"{self.n}:{self.hash}"


EMPTY = Head(0, "0" * 64)


def parse_head(text: str) -> Head:
    """Return the inverse of ``str(head)``. Raise ValueError if the text is no head."""
    found = _HEAD.fullmatch(text)
    if found is None:
        raise ValueError("a head is <number of an entry>:<64 hexadecimal digits>")
    return Head(int(found[1]), found[2])


@dataclass(frozen=True)
class Entry:
    """An entry as read from a file.

    Attributes:
        n: the entry's number, from 1.
        prev: the hash of the entry before, as the entry names it.
        hash: the entry's own hash, as the entry names it.
        is_intact: whether ``hash`` is the hash of the line.
        at: when the node wrote the entry, in RFC 3339.
        event: the kind of the entry.
        facts: all further fields.
    """

    n: int
    prev: str
    hash: str
    is_intact: bool
    at: str
    event: str
    facts: Mapping[str, Any]

    @property
    def head(self) -> Head:
        """The head of a trail that ends here."""
        return Head(self.n, self.hash)


def make_line(before: Head, at: float, event: str, facts: Mapping[str, Any]) -> tuple[bytes, Head]:
    """Return the line of a new entry, without a line feed, and the new head.

    Args:
        before: the head of the trail so far.
        at: the time of the event, in seconds since the epoch.
        event: the kind of the entry.
        facts: JSON data; long texts and lists are cut, and None is left out.
    """
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    fields = {"n": before.n + 1, "prev": before.hash, "at": moment, "event": event}
    told = {name: _cut(value) for name, value in facts.items() if value is not None}
    text = json.dumps({**told, **fields}, separators=(",", ":"), ensure_ascii=True)
    hashed = text.encode()[:-1]
    digest = hashlib.sha256(hashed).hexdigest()
    return hashed + f',"hash":"{digest}"}}'.encode(), Head(before.n + 1, digest)


def _cut(value: Any) -> Any:
    match value:
        case str():
            return value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "..."
        case list() | tuple():
            more = ["..."] if len(value) > _LONGEST_LIST else []
            return [_cut(each) for each in value[:_LONGEST_LIST]] + more
        case Mapping():
            return {str(name): _cut(each) for name, each in value.items() if each is not None}
        case _:
            return value


def read_line(line: bytes) -> Entry | None:
    """Return the entry of a line without its line feed; None if the line is no entry."""
    found = _HASHED.fullmatch(line)
    if found is None:
        return None
    try:
        fields = json.loads(line)
        n, prev = fields.pop("n"), fields.pop("prev")
        at, event, own = fields.pop("at"), fields.pop("event"), fields.pop("hash")
    except (ValueError, KeyError, AttributeError, RecursionError):
        return None
    texts = (prev, at, event, own)
    is_number = isinstance(n, int) and not isinstance(n, bool) and 0 < n < 10**_MOST_DIGITS
    if not is_number or not all(isinstance(text, str) for text in texts):
        return None
    is_intact = own == found[2].decode() == hashlib.sha256(found[1]).hexdigest()
    return Entry(n, prev, own, is_intact, at, event, fields)
