"""The files of the audit trail, which only grow.

    <task_dir>/.node/audit/<n>.jsonl    the entries from number n on, 15 digits, one a line

A file that has reached its size is followed by the next, and the chain of hashes goes on. The
oldest file is removed when all files together exceed their size; an entry records the removal.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node_poc.audit.chain import EMPTY, Head, read_line
from node_poc.audit.verify import StoredLine
from node_poc.storage.records import StorageError

_MOST_FILE_BYTES = 4 * 1024 * 1024
_MOST_FILES = 8  # at least so many files, so that a removal takes a small part of the trail


@dataclass
class Found:
    """The state in which a process finds the trail.

    Attributes:
        head: the last entry.
        tail: bytes after the last entry, as a crash of the machine leaves them; usually empty.
    """

    head: Head = EMPTY
    tail: bytes = b""


@dataclass
class _Open:
    """The file that grows: its path, its size, and whether its last line has no end yet."""

    path: Path
    size: int = 0
    is_unended: bool = False


class AuditFiles:
    """Appends lines to the trail below one ``task_dir``. Only one thread may write."""

    def __init__(self, task_dir: Path, keep_megabytes: int) -> None:
        """Touch nothing; ``recover`` finds the end of the trail."""
        self.folder = audit_folder(task_dir)
        self._keep_bytes = keep_megabytes << 20
        self._file_bytes = min(_MOST_FILE_BYTES, self._keep_bytes // _MOST_FILES)
        self._open: _Open | None = None

    def recover(self) -> Found:
        """Make the folder, and find the end of the trail. Raises StorageError."""
        with _explained(self.folder):
            self.folder.mkdir(mode=0o700, exist_ok=True)
            paths = files_of(self.folder)
            found = Found()
            if paths:
                content = paths[-1].read_bytes()
                is_unended = bool(content) and not content.endswith(b"\n")
                self._open = _Open(paths[-1], len(content), is_unended)
                found.tail = content
            for path in reversed(paths):
                head, tail = _last_entry(path.read_bytes())
                if path == paths[-1]:
                    found.tail = tail
                if head is not None:
                    found.head = head
                    break
            return found

    def append(self, lines: Sequence[bytes], first: int) -> bool:
        """Write lines, and return when the disk has them.

        After an error the file is as before: the caller writes the same lines again later.

        Args:
            lines: the entries, each without its line feed.
            first: the number of the first of these entries.

        Returns:
            whether the file had the size that this process knows; otherwise somebody changed the
            file.

        Raises:
            StorageError: the lines could not be written.
        """
        target = self._open
        if target is None or (target.size >= self._file_bytes and not target.is_unended):
            target = _Open(self.folder / f"{first:015d}.jsonl")
        data = (b"\n" if target.is_unended else b"") + b"".join(line + b"\n" for line in lines)
        with _explained(target.path):
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
            descriptor = os.open(target.path, flags, 0o600)
            try:
                size = os.fstat(descriptor).st_size
                _write_whole(descriptor, data, size)
            finally:
                os.close(descriptor)
            if target.size == 0:
                _sync_folder(self.folder)
        self._open = _Open(target.path, size + len(data))
        return size == target.size

    def surplus(self) -> tuple[Path, dict[str, Any]] | None:
        """Return the oldest file and its facts for an entry if the trail is too large; else None.

        Raises StorageError.
        """
        with _explained(self.folder):
            paths = files_of(self.folder)
            if len(paths) < 2 or sum(path.stat().st_size for path in paths) <= self._keep_bytes:
                return None
            oldest = paths[0]
            content = oldest.read_bytes()
        head, _ = _last_entry(content)
        facts = {
            "file": oldest.name,
            "file_sha256": hashlib.sha256(content).hexdigest(),
            "last": head.n if head else None,
            "last_hash": head.hash if head else None,
        }
        return oldest, facts

    def has(self, head: Head) -> bool | None:
        """Return whether the trail has this entry; None if the entry is older than the trail.

        Raises StorageError.
        """
        with _explained(self.folder):
            paths = files_of(self.folder)
            older = [path for path in paths if int(path.stem) <= head.n]
            if not older:
                return None if paths else False
            lines = older[-1].read_bytes().split(b"\n")
        entries = (read_line(line) for line in lines)
        return any(entry is not None and entry.head == head for entry in entries)


def audit_folder(task_dir: Path) -> Path:
    """Return the folder of the audit trail of a ``task_dir``."""
    return task_dir / ".node" / "audit"


def files_of(folder: Path) -> list[Path]:
    """Return the files of a trail, oldest first; other files do not count. Raises OSError."""
    return sorted(path for path in folder.glob("*.jsonl") if path.stem.isdecimal())


def stored_lines(folder: Path) -> Iterator[StoredLine]:
    """Yield all lines of a trail, oldest first. Raises StorageError."""
    with _explained(folder):
        for path in files_of(folder):
            *lines, rest = path.read_bytes().split(b"\n")
            for number, line in enumerate(lines, 1):
                yield StoredLine(f"{path.name} line {number}", line)
            if rest:
                yield StoredLine(f"{path.name} line {len(lines) + 1}", rest, has_end=False)


def _last_entry(content: bytes) -> tuple[Head | None, bytes]:
    """Return the last entry of a file, if any, and the bytes behind this entry's line."""
    end = len(content)
    while end > 0:
        begin = content.rfind(b"\n", 0, end - 1 if content[end - 1 : end] == b"\n" else end) + 1
        entry = read_line(content[begin:end].removesuffix(b"\n"))
        if entry is not None:
            return entry.head, content[end:]
        end = begin
    return None, content


def _write_whole(descriptor: int, data: bytes, size: int) -> None:
    """Write and flush; after an error cut the file back to ``size``. Raises OSError."""
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _sync_folder(folder: Path) -> None:
    """Let the disk keep the name of a new file as well. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn an OSError into a StorageError for the node's log."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"the audit trail {path}: {error.strerror}") from error
