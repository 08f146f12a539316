"""A run's log on disk: its begin and its end are kept, however much comes in between.

    <task_dir>/<run_id>/log          the log's first ``head_bytes``; once it is finished, all that
                                     is kept, with a mark line where something was left out
    <task_dir>/<run_id>/log.tail.N   while it grows: what came after the head, the last two pieces
    <task_dir>/<run_id>/log.state    how long these are, and the bookmark: where the log was read to

``log.state`` is renamed into place, so lengths and bookmark are always of one moment. After a crash
the files are cut to these lengths and the log is read on from that bookmark: nothing is lost and
nothing is there twice. All is on disk and not in memory, so a thousand logs cost what one costs.
(The files are not flushed to the device for each line: who cuts the machine's power may lose the
last lines. The algorithm's own container dies then too.)
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
    tail_path,
    tail_paths,
    told,
    write_all,
)
from node_poc.storage.records import StorageError

_READ_TRIES = 50


class RunLog:
    """Writes one log. Not thread-safe: who has it holds a lock. Nobody else may write it."""

    def __init__(self, folder: Path, head_bytes: int, tail_bytes: int) -> None:
        """Begin a log in a run's folder, or go on with the one that is there.

        Args:
            folder: the run's own folder; it must exist, and no algorithm may see it.
            head_bytes: how much of the log's begin is kept.
            tail_bytes: how much of its end is kept, at least 1.

        Raises:
            StorageError: the files cannot be opened, or are damaged.
        """
        self._folder = folder
        self._head_bytes = head_bytes
        self._tail_bytes = tail_bytes
        self._state = self._saved = LogState()
        self._bookmark: object = ""
        self._file: IO[bytes] | None = None
        with told(folder):
            self._recover()

    @property
    def bookmark(self) -> str:
        """Where the log was read to, in the words of who appended."""
        return str(self._bookmark)

    @property
    def finished(self) -> bool:
        """Whether the log is complete and closed for good."""
        return self._state.finished

    @property
    def whole(self) -> bool:
        """Whether it was read to its end before it was finished."""
        return self._state.whole

    def append(self, data: bytes, bookmark: object) -> None:
        """Take more of the log.

        Args:
            data: any bytes, as they come.
            bookmark: where the log is read to with them; made text only when it is saved.

        Raises:
            StorageError: not written. The log is then as it was when it was last saved, and is to
                be read on from ``bookmark`` as it is now.
        """
        if self.finished:
            return
        try:
            with told(self._folder):
                self._append(data)
        except StorageError:
            with contextlib.suppress(StorageError, OSError):
                self._recover()
            raise
        self._bookmark = bookmark

    def save(self) -> None:
        """Make what was appended, and the bookmark, survive a crash. Raises StorageError."""
        state = replace(self._state, bookmark=self.bookmark)
        if state != self._saved:
            with told(self._folder):
                self._write_state(state)

    def finish(self, *, whole: bool) -> None:
        """Put all that is kept into ``log``, for good. Raises StorageError; call again.

        ``whole``: whether the log was read to its end.
        """
        if self.finished:
            return
        try:
            with told(self._folder):
                self._finish(whole=whole)
        except StorageError:
            with contextlib.suppress(StorageError, OSError):
                self._recover()
            raise

    def close(self) -> None:
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
                self.close()
        if data:
            self._state = state
            if state.new >= self._tail_bytes:
                state = self._next_tail()
            self._write(data, state.number)
            state = replace(state, new=state.new + len(data))
        self._state = state

    def _write(self, data: bytes, number: int | None) -> None:
        """Append to the open file, or open it: a piece of the tail, or the head (None)."""
        if self._file is None:
            folder = self._folder
            path = head_path(folder) if number is None else tail_path(folder, number)
            self._file = open_private(path, os.O_APPEND)
        write_all(self._file, data)

    def _next_tail(self) -> LogState:
        """Drop the older piece. It goes only once no saved state tells of it any more."""
        self.close()
        state = self._state
        state = replace(
            state,
            dropped=state.dropped + state.old,
            old=state.new,
            new=0,
            number=state.number + 1,
        )
        # Here data may have gone into the head that is not in the bookmark yet; but then the tail
        # is empty and nothing is dropped.
        self._write_state(replace(state, bookmark=self.bookmark))
        tail_path(self._folder, state.number - 2).unlink(missing_ok=True)
        return state

    def _finish(self, *, whole: bool) -> None:
        self.close()
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
        """Cut the files to what is remembered of them."""
        self.close()
        self._state = self._saved = state = read_state(self._folder) or LogState()
        self._bookmark = state.bookmark
        if state.finished:
            return
        # A file is shorter than remembered only if the machine lost its power.
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
    """Reads a log, also while another thread or process writes it."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is the run's own; there need not be a log in it yet."""
        self._folder = folder

    @property
    def finished(self) -> bool:
        """Whether nothing more will come. Raises StorageError."""
        with told(self._folder):
            return (read_state(self._folder) or LogState()).finished

    def read(self, offset: int, limit: int) -> tuple[bytes, int]:
        """Read on from ``offset``, counted in bytes of the log as the algorithm wrote it.

        Returns:
            at most ``limit`` bytes, and the offset after them. Where what stood at ``offset`` was
            left out, a mark line comes first, which does not count. No bytes: nothing new yet.

        Raises:
            StorageError: the files cannot be read.
        """
        for attempt in range(_READ_TRIES):
            with told(self._folder):
                try:
                    return self._read(read_state(self._folder) or LogState(), max(0, offset), limit)
                except FileNotFoundError:  # dropped, or put together, since the state was read
                    if attempt == _READ_TRIES - 1:
                        raise
        return b"", offset

    def tail(self, limit: int) -> tuple[bytes, bool]:
        """The last ``limit`` bytes, or fewer, and whether the log has more before them.

        Raises:
            StorageError: the files cannot be read.
        """
        with told(self._folder):
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
