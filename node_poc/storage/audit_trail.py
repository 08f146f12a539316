"""Writes the audit trail in a thread of its own; whoever needs an entry on disk waits for it.

The disk gets all entries that have come meanwhile with a single write and a single flush. While the
disk does not take entries, the thread tries again every few seconds, and whoever waits gets an
error: no run starts and no result leaves without its entry.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTimeError
from dataclasses import dataclass, field
from typing import Any

import structlog

from node_poc.audit.chain import EMPTY, make_line, parse_head
from node_poc.audit.events import Event, torn
from node_poc.storage.audit_files import AuditFiles
from node_poc.storage.records import StorageError

log = structlog.get_logger(__name__)

_WAIT_SECONDS = 30.0
_AGAIN_SECONDS = 5.0
_MOST_WAITING = 10_000
_MOST_AT_ONCE = 200
# How often the log names the head, for a comparison with a trail that was cut or rewritten.
_HEAD_SECONDS = 60.0


@dataclass(frozen=True)
class _Wanted:
    """An entry to write; ``written`` is None if nobody waits for the entry."""

    event: Event
    facts: Mapping[str, Any]
    at: float
    written: Future[None] | None = field(default=None, compare=False)


class AuditTrail:
    """The trail of one node. Thread-safe."""

    def __init__(self, files: AuditFiles) -> None:
        """Create a trail that keeps entries in memory until ``start``."""
        self._files = files
        self._waiting: deque[_Wanted] = deque()
        self._lost = 0
        self._changed = threading.Condition()
        self._ending = False
        self._published = ""
        self._is_found = False
        self._newest = EMPTY
        self._told_at = 0.0
        self.trouble: str | None = None
        self._thread = threading.Thread(target=self._serve, name="audit", daemon=True)

    @property
    def head(self) -> str:
        """The last entry on disk, as text; empty before this process has written an entry."""
        return str(self._newest) if self._is_found and self._newest != EMPTY else ""

    @property
    def remark(self) -> str | None:
        """Why no run starts at the moment because of the trail; None if all is well."""
        return f"no run is started: {self.trouble}" if self.trouble else None

    def start(self, published: str) -> None:
        """Start writing.

        ``published`` is the head that a former process of the node left in the cluster, as text;
        empty if there is none. A trail without this entry was cut or rewritten.
        """
        self._published = published
        self._thread.start()

    def stop(self, within_seconds: float) -> None:
        """Write the last entries and end; give up after ``within_seconds``."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(within_seconds)
        log.info("the audit trail ends here", head=self.head)

    def abandon(self) -> None:
        """Write nothing more, at once: another process may write this trail now."""
        with self._changed:
            self._ending = True
            self._waiting.clear()
            self._changed.notify_all()

    def note(self, event: Event, facts: Mapping[str, Any]) -> None:
        """Write an entry soon; return at once."""
        self._put(_Wanted(event, dict(facts), time.time()))

    def note_safely(self, event: Event, facts: Mapping[str, Any]) -> None:
        """Write an entry, and return when the disk has the entry. Raises StorageError."""
        written: Future[None] = Future()
        self._put(_Wanted(event, dict(facts), time.time(), written))
        try:
            written.result(_WAIT_SECONDS)
        except NotInTimeError:
            reason = f"the audit trail was not written within {_WAIT_SECONDS:.0f} s"
            raise StorageError(reason) from None

    def _put(self, wanted: _Wanted) -> None:
        with self._changed:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.append(wanted)
            elif wanted.written is None:
                self._lost += 1
            else:
                wanted.written.set_exception(StorageError("the audit trail cannot be written"))
            self._changed.notify_all()

    # --- the thread

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._ending:
                    self._changed.wait()
                if not self._waiting:
                    return
            try:
                self._write_some()
            except StorageError as error:
                self._failed(str(error))
            except Exception as error:  # the thread must live: without it no run would start
                log.exception("audit trail not written")
                self._failed(f"the audit trail cannot be written ({type(error).__name__})")
            if self.trouble is None:
                continue
            with self._changed:
                if self._ending:
                    return
                self._changed.wait_for(lambda: self._ending, _AGAIN_SECONDS)

    def _write_some(self) -> None:
        """Write the entries that wait, in order. Raises StorageError; the entries wait on then."""
        if not self._is_found:
            self._find_end()
        with self._changed:
            batch = [self._waiting[i] for i in range(min(len(self._waiting), _MOST_AT_ONCE))]
            lost = self._lost
        lost_entry = [_Wanted(Event.ENTRIES_LOST, {"entries": lost}, time.time())] if lost else []
        self._write([*lost_entry, *batch])
        with self._changed:
            for _ in range(min(len(batch), len(self._waiting))):
                self._waiting.popleft()
            self._lost -= lost
        self._succeeded()
        for wanted in batch:
            if wanted.written is not None and not wanted.written.done():
                wanted.written.set_result(None)
        self._remove_oldest()

    def _write(self, batch: list[_Wanted]) -> None:
        head, lines = self._newest, []
        for wanted in batch:
            line, head = make_line(head, wanted.at, wanted.event, wanted.facts)
            lines.append(line)
        was_known = self._files.append(lines, self._newest.n + 1)
        self._newest = head
        if not was_known:
            log.error("somebody changed a file of the audit trail")
            self._write([_Wanted(Event.FILE_CHANGED, {}, time.time())])
        if time.monotonic() - self._told_at >= _HEAD_SECONDS:
            self._told_at = time.monotonic()
            log.info("the audit trail goes on", head=str(head))

    def _find_end(self) -> None:
        """Find the last entry of the former process, and record all that is wrong with the end."""
        found = self._files.recover()
        self._newest, wrong = found.head, []
        if found.tail:
            facts = torn(found.tail)
            log.warning("the last line of the audit trail was torn", **facts)
            wrong.append(_Wanted(Event.TORN_LINE, facts, time.time()))
        if self._is_cut():
            facts = {"published": self._published, "found": str(found.head)}
            log.error("the audit trail was cut or rewritten", **facts)
            wrong.append(_Wanted(Event.HEAD_MISSING, facts, time.time()))
        if wrong:
            self._write(wrong)
        self._is_found = True

    def _is_cut(self) -> bool:
        if not self._published:
            return False
        try:
            return self._files.has(parse_head(self._published)) is False
        except ValueError:  # not a head: somebody changed the object in the cluster
            return True

    def _remove_oldest(self) -> None:
        """Remove the oldest file if the trail is too large; the entries behind are safe already."""
        try:
            surplus = self._files.surplus()
            if surplus is not None:
                path, facts = surplus
                self._write([_Wanted(Event.FILE_REMOVED, facts, time.time())])
                path.unlink(missing_ok=True)
        except (StorageError, OSError) as error:
            log.warning("the oldest file of the audit trail is not removed", error=str(error))

    def _failed(self, reason: str) -> None:
        if self.trouble is None:
            log.error("no run starts and no result is sent without the audit trail", reason=reason)
        self.trouble = reason
        with self._changed:  # whoever waits for an entry asks again; all other entries stay
            refused = [wanted for wanted in self._waiting if wanted.written is not None]
            self._waiting = deque(each for each in self._waiting if each.written is None)
        for wanted in refused:
            if wanted.written is not None and not wanted.written.done():
                wanted.written.set_exception(StorageError(reason))

    def _succeeded(self) -> None:
        if self.trouble is not None:
            log.info("the audit trail is written again")
        self.trouble = None
