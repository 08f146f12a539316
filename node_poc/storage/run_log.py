"""A run's log on disk: keeps the start and the end of the log, however long the log is.

    <task_dir>/<run_id>/log          the log's first ``head_bytes``; once the log is closed, all
                                     kept bytes, with a mark line where bytes were left out
    <task_dir>/<run_id>/log.tail.N   while the log grows: the last two pieces after the head
    <task_dir>/<run_id>/log.state    lengths of the files, and the bookmark: where reading stopped

``log.state`` is renamed into place: lengths and bookmark always belong to the same moment. After a
crash the node cuts the files to these lengths and reads the log on from the bookmark: no line is
lost or repeated. All data is on disk and not in memory: a thousand logs need as little memory as
one. (The files are not flushed to the device for each line: a power failure of the machine may lose
the last lines, but ends the algorithm's container as well.)
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO

from node_poc.storage.log_files import (
    LogState,
    copy_part,
    cut,
    head_path,
    mark_of,
    open_private,
    read_at,
    read_state,
    storage_errors,
    tail_path,
    tail_paths,
    write_all,
)
from node_poc.storage.records import StorageError

_READ_TRIES = 50


class RunLog:
    """Writes one log. Not thread-safe: the caller holds a lock, and is the log's only writer."""

    def __init__(self, folder: Path, head_bytes: int, tail_bytes: int) -> None:
        """Start a log in a run's folder, or continue the log in the folder.

        Args:
            folder: the run's own folder, which must exist and be hidden from algorithms.
            head_bytes: how many bytes to keep from the start of the log.
            tail_bytes: how many bytes to keep from the end of the log, at least 1.

        Raises:
            StorageError: the files cannot be opened, or are damaged.
        """
        self._folder = folder
        self._head_bytes = head_bytes
        self._tail_bytes = tail_bytes
        self._state = self._saved = LogState()
        self._bookmark: object = ""
        self._file: IO[bytes] | None = None
        with storage_errors(folder):
            self._recover()

    @property
    def bookmark(self) -> str:
        """Where the log was read to: text in the form of the caller of ``append``."""
        return str(self._bookmark)

    @property
    def is_closed(self) -> bool:
        """Whether the log is complete and closed for good."""
        return self._state.finished

    @property
    def whole(self) -> bool:
        """Whether the log was read to its end before ``close``."""
        return self._state.whole

    def append(self, data: bytes, bookmark: object) -> None:
        """Append more of the log.

        Args:
            data: the next bytes; they may end anywhere.
            bookmark: where the log is read to after ``data``; converted to text only by ``save``.

        Raises:
            StorageError: the data was not written. The log is back in its last saved state; read
                on from the property ``bookmark``, which is reset too.
        """
        if self.is_closed:
            return
        try:
            with storage_errors(self._folder):
                self._append(data)
        except StorageError:
            with contextlib.suppress(StorageError, OSError):
                self._recover()
            raise
        self._bookmark = bookmark

    def save(self) -> None:
        """Make the appended data and the bookmark survive a crash. Raises StorageError."""
        state = replace(self._state, bookmark=self.bookmark)
        if state != self._saved:
            with storage_errors(self._folder):
                self._write_state(state)

    def close(self, *, whole: bool) -> None:
        """Put all kept bytes into ``log`` and close the log for good.

        ``whole``: whether the log was read to its end. Raises StorageError; then call again.
        """
        if self.is_closed:
            return
        try:
            with storage_errors(self._folder):
                self._close(whole=whole)
        except StorageError:
            with contextlib.suppress(StorageError, OSError):
                self._recover()
            raise

    def close_files(self) -> None:
        """Close the files; the log can be opened again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, data: bytes) -> None:
        state = self._state
        if state.total < self._head_bytes:
            begin = data[: self._head_bytes - state.total]
            self._write(begin, None)
            state = replace(state, head=state.head + len(begin))
            data = data[len(begin) :]
            if data or state.head == self._head_bytes:
                self.close_files()
        if data:
            self._state = state
            if state.new >= self._tail_bytes:
                state = self._next_tail()
            self._write(data, state.number)
            state = replace(state, new=state.new + len(data))
        self._state = state

    def _write(self, data: bytes, number: int | None) -> None:
        """Append to the open file; open it first if needed: tail piece ``number``, None: head."""
        if self._file is None:
            folder = self._folder
            path = head_path(folder) if number is None else tail_path(folder, number)
            self._file = open_private(path, os.O_APPEND)
        write_all(self._file, data)

    def _next_tail(self) -> LogState:
        """Start a new piece and drop the older one, once no saved state refers to its file."""
        self.close_files()
        state = self._state
        state = replace(
            state,
            dropped=state.dropped + state.old,
            old=state.new,
            new=0,
            number=state.number + 1,
        )
        # The head may hold data here that the bookmark does not cover yet; the tail is then empty
        # and nothing is dropped.
        self._write_state(replace(state, bookmark=self.bookmark))
        tail_path(self._folder, state.number - 2).unlink(missing_ok=True)
        return state

    def _close(self, *, whole: bool) -> None:
        self.close_files()
        state = self._state
        kept = state.old + state.new
        cut = max(0, kept - self._tail_bytes)
        dropped = state.dropped + cut
        with open_private(head_path(self._folder), os.O_APPEND) as log:
            if dropped:
                write_all(log, mark_of(dropped))
            skip = cut
            for path, length in tail_paths(self._folder, state):
                copy_part(path, skip, length, log)
                skip = max(0, skip - length)
            os.fsync(log.fileno())
        state = replace(
            state,
            dropped=dropped,
            old=0,
            new=kept - cut,
            bookmark=self.bookmark,
            finished=True,
            whole=whole,
        )
        self._write_state(state)
        self._state = state
        for number in (state.number - 1, state.number):
            tail_path(self._folder, number).unlink(missing_ok=True)

    def _write_state(self, state: LogState) -> None:
        fresh = self._folder / ".log.state.new"
        with open_private(fresh, os.O_TRUNC) as file:
            write_all(file, json.dumps(asdict(state)).encode())
        fresh.replace(self._folder / "log.state")
        self._saved = state

    def _recover(self) -> None:
        """Cut the files to the lengths in the saved state."""
        self.close_files()
        self._state = self._saved = state = read_state(self._folder) or LogState()
        self._bookmark = state.bookmark
        if state.finished:
            return
        # A file is shorter than the saved length only after a power failure of the machine.
        self._state = replace(
            state,
            head=cut(head_path(self._folder), state.head),
            old=cut(tail_path(self._folder, state.number - 1), state.old),
            new=cut(tail_path(self._folder, state.number), state.new),
        )
        known = {path for path, _ in tail_paths(self._folder, state)}
        for path in set(self._folder.glob("log.tail.*")) - known:
            path.unlink()


class RunLogReader:
    """Reads a log, even while another thread or process writes to the log."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is the run's own folder, which may be without a log yet."""
        self._folder = folder

    @property
    def is_closed(self) -> bool:
        """Whether the log is complete. Raises StorageError."""
        with storage_errors(self._folder):
            return (read_state(self._folder) or LogState()).finished

    def read(self, offset: int, limit: int) -> tuple[bytes, int]:
        """Read on from ``offset``, counted in bytes of the log as the algorithm wrote the log.

        Returns:
            at most ``limit`` bytes, and the offset after the bytes. If the bytes at ``offset`` were
            left out, a mark line comes first, which does not count. No bytes: nothing new yet.

        Raises:
            StorageError: the files cannot be read.
        """
        for attempt in range(_READ_TRIES):
            with storage_errors(self._folder):
                try:
                    return self._read(read_state(self._folder) or LogState(), max(0, offset), limit)
                except FileNotFoundError:  # a piece was dropped, or the log was closed, meanwhile
                    if attempt == _READ_TRIES - 1:
                        raise
        return b"", offset

    def tail(self, limit: int) -> tuple[bytes, bool]:
        """Return at most the last ``limit`` bytes, and whether the log has more before the bytes.

        Raises:
            StorageError: the files cannot be read.
        """
        with storage_errors(self._folder):
            state = read_state(self._folder) or LogState()
        begin = max(0, state.total - limit)
        if state.dropped:
            begin = max(begin, state.kept_from)
        parts, offset = [], begin
        while offset < state.total:
            part, offset = self.read(offset, state.total - offset)
            if not part:
                break
            parts.append(part)
        return b"".join(parts), begin > 0

    def _read(self, state: LogState, offset: int, limit: int) -> tuple[bytes, int]:
        if offset >= state.total:
            return b"", offset
        if offset < state.head:
            data = read_at(head_path(self._folder), offset, min(limit, state.head - offset))
            return data, offset + len(data)
        left_out = max(0, state.kept_from - offset)
        offset = max(offset, state.kept_from)
        mark = mark_of(left_out) if left_out else b""
        if state.finished:
            place = state.head + (len(mark_of(state.dropped)) if state.dropped else 0)
            data = read_at(head_path(self._folder), place + offset - state.kept_from, limit)
            return mark + data, offset + len(data)
        place = offset - state.kept_from
        for path, length in tail_paths(self._folder, state):
            if place < length:
                data = read_at(path, place, min(limit, length - place))
                return mark + data, offset + len(data)
            place -= length
        return mark, offset
