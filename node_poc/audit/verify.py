"""PURE: finds lines of an audit trail that were changed, dropped, moved or cut.

The chain alone shows each change in its middle. A cut end, and a chain that was computed anew up to
its end, show only by comparison with a head that is kept elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from node_poc.audit.chain import EMPTY, Entry, Head, read_line
from node_poc.audit.events import DAMAGE, Event

# After this many findings no more are listed: a wrong file could have a finding for each line.
_MOST_FINDINGS = 1000


@dataclass(frozen=True)
class StoredLine:
    """A line of a file of the trail.

    Attributes:
        place: file and number of the line, for people.
        raw: the bytes, without the line feed.
        has_end: whether a line feed follows.
    """

    place: str
    raw: bytes
    has_end: bool = True


@dataclass
class Report:
    """The outcome of a verification.

    Attributes:
        findings: what is wrong, one text each.
        notes: what is unusual, but explained by the trail itself.
        entries: number of readable entries.
        first: number of the oldest entry; 0 without an entry.
        head: the newest entry.
    """

    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    entries: int = 0
    first: int = 0
    head: Head = EMPTY


def verify(lines: Iterable[StoredLine], heads: Sequence[tuple[str, Head]] = ()) -> Report:
    """Compare each line with its own hash and its neighbours, and the whole with known heads.

    Args:
        lines: all lines of the trail, oldest first.
        heads: heads that were kept elsewhere, each with the name of its place.
    """
    walk = _Walk(heads)
    for line in lines:
        walk.see(line)
    return walk.finish()


class _Walk:
    """Goes over the lines once, in order."""

    def __init__(self, heads: Sequence[tuple[str, Head]]) -> None:
        self._report = Report()
        self._heads = heads
        self._last: Entry | None = None
        self._missing: set[int] = set()
        self._unreadable: list[StoredLine] = []
        self._first_prev = EMPTY.hash
        self._removed: set[Head] = set()

    def see(self, line: StoredLine) -> None:
        entry = read_line(line.raw)
        if entry is None:
            self._unreadable.append(line)
            return
        self._judge_unreadable(entry)
        self._report.entries += 1
        if not line.has_end:
            self._find(f"{line.place}: entry {entry.n} is cut: its line does not end")
        if not entry.is_intact:
            self._find(f"{line.place}: entry {entry.n} was changed: its hash is of another text")
        elif self._last is None:
            self._begin(entry)
        else:
            self._follow(line, entry, self._last)
        self._note_content(line, entry)
        self._compare_heads(entry)
        if self._last is None or entry.n > self._last.n or not entry.is_intact:
            self._last = self._in_place(entry)

    def _in_place(self, entry: Entry) -> Entry:
        """Return the entry for comparison with the next: of a changed entry, only its place."""
        if entry.is_intact:
            return entry
        n = self._last.n + 1 if self._last else entry.n
        self._report.first = self._report.first or n
        return replace(entry, n=n, hash="")

    def _begin(self, entry: Entry) -> None:
        self._report.first = entry.n
        self._first_prev = entry.prev

    def _follow(self, line: StoredLine, entry: Entry, last: Entry) -> None:
        if entry.n > last.n + 1:
            self._missing.update(range(last.n + 1, min(entry.n, last.n + 1 + _MOST_FINDINGS)))
        elif entry.n <= last.n:
            was_missing = entry.n in self._missing or entry.n < self._report.first
            self._missing.discard(entry.n)
            what = "is not in its place: it was moved" if was_missing else "is there twice"
            self._find(f"{line.place}: entry {entry.n} {what}, behind entry {last.n}")
        elif last.is_intact and entry.prev != last.hash:
            self._find(
                f"{line.place}: entry {last.n} was replaced: entry {entry.n} follows another text"
            )

    def _judge_unreadable(self, after: Entry | None) -> None:
        """Explain the unreadable lines before ``after`` by its record of a torn line, or report."""
        lines, self._unreadable = self._unreadable, []
        if not lines:
            return
        raw = b"\n".join(line.raw for line in lines)
        possible = {hashlib.sha256(each).hexdigest() for each in (raw, raw + b"\n")}
        if (
            after is not None
            and after.event == Event.TORN_LINE
            and after.facts.get("sha256") in possible
        ):
            self._report.notes.append(
                f"{lines[0].place}: a line was torn when the node was interrupted; entry {after.n} "
                "records it"
            )
            return
        number = (self._last.n if self._last else 0) + 1
        for line in lines:
            if after is None and not line.has_end:
                reason = (
                    "was cut, or torn when the node was interrupted; the node's next start "
                    "records it"
                )
            else:
                reason = "was changed: the line is no entry"
            self._find(f"{line.place}: entry {number} or a part of it {reason}")

    def _note_content(self, line: StoredLine, entry: Entry) -> None:
        if entry.event in DAMAGE:
            self._find(f"{line.place}: the node itself noted in entry {entry.n}: {entry.event}")
        if entry.event == Event.FILE_REMOVED:
            last, digest = entry.facts.get("last"), entry.facts.get("last_hash")
            if isinstance(last, int) and isinstance(digest, str):
                self._removed.add(Head(last, digest))

    def _compare_heads(self, entry: Entry) -> None:
        for place, head in self._heads:
            if entry.n == head.n and entry.hash != head.hash:
                self._find(
                    f"entry {entry.n} is another than {place} knows: the trail was rewritten"
                )

    def finish(self) -> Report:
        report = self._report
        self._judge_unreadable(None)
        for n in sorted(self._missing):
            self._find(f"entry {n} is missing")
        report.head = self._last.head if self._last else EMPTY
        start = Head(report.first - 1, self._first_prev)
        if report.entries and start != EMPTY and start not in self._removed:
            self._find(f"the entries before entry {report.first} are missing, or were replaced")
        for place, head in self._heads:
            if head.n > report.head.n:
                self._find(
                    f"the end is cut: the last entry is {report.head.n}, and {place} knows entry "
                    f"{head.n}"
                )
            elif head.n < report.first:
                report.notes.append(f"entry {head.n}, which {place} knows, was removed by age")
        return report

    def _find(self, text: str) -> None:
        if len(self._report.findings) < _MOST_FINDINGS:
            self._report.findings.append(text)
