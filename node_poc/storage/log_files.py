"""The files of a run's log, and the saved state of these files; see ``run_log.py``."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from node_poc.storage.records import StorageError

_COPY = 65536
_MODE = 0o600


def mark_of(count: int) -> bytes:
    """Return the mark line for ``count`` bytes that were left out."""
    return f"\n[... {count} bytes of this log were left out here ...]\n".encode()


@dataclass(frozen=True)
class LogState:
    """Lengths of the parts of a log, in bytes, and what else is saved.

    Attributes:
        head: the start of the log.
        dropped: the part left out after the head.
        old: the older tail piece, in the file ``number - 1``.
        new: the newer tail piece, in the file ``number``; once finished, the end of the log.
        number: number of the newer tail piece.
        bookmark: where the log was read to.
        finished: whether the log is complete and closed for good.
        whole: whether the log was read to its end.
    """

    head: int = 0
    dropped: int = 0
    old: int = 0
    new: int = 0
    number: int = 0
    bookmark: str = ""
    finished: bool = False
    whole: bool = False

    @property
    def kept_from(self) -> int:
        """Offset in the log of the first byte kept after the head."""
        return self.head + self.dropped

    @property
    def total(self) -> int:
        """Length of the log so far, in bytes, with the dropped part."""
        return self.kept_from + self.old + self.new


def head_path(folder: Path) -> Path:
    """Return the path of the head; once the log is finished, of all kept bytes."""
    return folder / "log"


def tail_path(folder: Path, number: int) -> Path:
    """Return the path of a tail piece."""
    return folder / f"log.tail.{number}"


def tail_paths(folder: Path, state: LogState) -> list[tuple[Path, int]]:
    """Return the paths of the non-empty tail pieces, older first, with their lengths."""
    pieces = [(state.number - 1, state.old), (state.number, state.new)]
    return [(tail_path(folder, number), length) for number, length in pieces if length]


def read_state(folder: Path) -> LogState | None:
    """Return the saved state of a log; None if there is none. Raises StorageError if damaged."""
    try:
        return LogState(**json.loads((folder / "log.state").read_bytes()))
    except FileNotFoundError:
        return None
    except (TypeError, ValueError) as error:
        raise StorageError(f"{folder}/log.state: is damaged ({error})") from error


def open_private(path: Path, flags: int) -> IO[bytes]:
    """Open for writing, for the node's user only; follow no link. Raises OSError."""
    # Unbuffered: readers see written data at once, and the data outlives this process.
    flags |= os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, _MODE), "wb", buffering=0)


def write_all(file: IO[bytes], data: bytes) -> None:
    """Write all of ``data``: an unbuffered file may write only a part. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def read_at(path: Path, offset: int, count: int) -> bytes:
    """Read at most ``count`` bytes from ``offset``. Raises OSError."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(count)


def copy_part(path: Path, begin: int, end: int, to: IO[bytes]) -> None:
    """Append the bytes of a file from ``begin`` to ``end`` to the file ``to``. Raises OSError."""
    with path.open("rb") as file:
        file.seek(begin)
        while begin < end and (part := file.read(min(_COPY, end - begin))):
            write_all(to, part)
            begin += len(part)


def cut(path: Path, length: int) -> int:
    """Cut a file to at most ``length`` bytes; return the new length. Raises OSError."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return 0
    with os.fdopen(handle, "wb") as file:
        size = file.seek(0, os.SEEK_END)
        if size > length:
            file.truncate(length)
    return min(size, length)


@contextlib.contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError into a StorageError with the file's path."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder / "log"
        raise StorageError(f"{where}: {error.strerror}") from error
