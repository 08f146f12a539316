"""Records of closed runs (the server has the result): how long they are kept, and what remains.

    <task_dir>/.node/closed/<run_id>           note of a closed run: digest, status, volumes...; the
                                               file's time is the time of delivery
    <task_dir>/.node/gone/<run_id>             the same note, moved when the run's folder is removed
    <task_dir>/.node/volumes/<name>/<run_id>   empty; exists while a run that used tmp/<name> is
                                               open or kept
    <task_dir>/.node/trash/                    files that are being removed (``trash.py``)

These folders can hold many runs: each folder is read as a stream.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node_poc.manifests.volumes import SHARED_FOLDER
from node_poc.storage.records import StorageError, is_run_id
from node_poc.storage.trash import Trash

# How many removed runs are remembered; each takes one block of the disk.
_REMEMBERED = 10_000


@dataclass(frozen=True)
class PastRun:
    """The note of a closed run; only ``run_id`` is set if the disk was too full for the note.

    ``origin``: as ``RunSpec.origin``; empty in the notes of an older node.
    """

    run_id: int
    digest: str = ""
    status: str = ""
    volumes: tuple[str, ...] | None = None
    origin: dict[str, str] = field(default_factory=dict)


class PastRecords:
    """Reads and writes the records above. The engine's start and its disk thread write.

    The janitor's thread only finds what is due and empties the trash; any thread may read.
    """

    def __init__(self, task_dir: Path, keep_seconds: float | None) -> None:
        """``keep_seconds``: how long to keep a run's folder after delivery; None: for ever."""
        self._root = task_dir
        self._keep_seconds = keep_seconds
        self._closed = task_dir / ".node" / "closed"
        self._gone = task_dir / ".node" / "gone"
        self._volumes = task_dir / ".node" / "volumes"
        self._trash_folder = task_dir / ".node" / "trash"
        self._trash = Trash(self._trash_folder)

    def prepare(self) -> None:
        """Create the folders. Raises StorageError."""
        for folder in (self._closed, self._gone, self._volumes, self._trash_folder):
            with _as_storage_error(folder, "made"):
                folder.mkdir(parents=True, exist_ok=True)

    # --- while a run is open, and when it is over

    def use_volume(self, name: str, run_id: int) -> None:
        """Record a run as user of a shared folder. Raises StorageError."""
        folder = self._volumes / name
        with _as_storage_error(folder, "written"):
            folder.mkdir(exist_ok=True)
            (folder / str(run_id)).touch()

    def close(self, past: PastRun) -> None:
        """Write the note of a run whose result the server has; the time to keep the run starts.

        On a full disk the note stays empty; the run is closed all the same. Raises StorageError.
        """
        path = self._closed / str(past.run_id)
        text = json.dumps([past.digest, past.status, past.volumes, past.origin])
        with _as_storage_error(path, "made"):
            path.touch()
            with contextlib.suppress(OSError):
                path.write_text(text, encoding="utf-8")

    def lacks_origin(self, run_id: int) -> bool:
        """Return whether a closed run's note does not tell of which task the run is."""
        past = _read(self._closed / str(run_id), run_id)
        return past is not None and not past.origin

    def add_origin(self, run_id: int, origin: dict[str, str]) -> None:
        """Add the origin to a closed run's note, whole or not at all. Raises StorageError."""
        note, fresh = self._closed / str(run_id), self._closed / f".{run_id}.new"
        past = _read(note, run_id) or PastRun(run_id)
        with _as_storage_error(note, "written"):
            try:
                text = json.dumps([past.digest, past.status, past.volumes, origin])
                fresh.write_text(text, encoding="utf-8")
                fresh.replace(note)
            finally:
                fresh.unlink(missing_ok=True)

    def is_closed(self, run_id: int) -> bool:
        """Return whether a run is closed and its folder is still kept."""
        return (self._closed / str(run_id)).exists()

    def find_gone(self, run_id: int) -> PastRun | None:
        """Return the note of a run whose folder was removed; None if unknown or forgotten."""
        return _read(self._gone / str(run_id), run_id)

    def explain_gone(self, gone: PastRun) -> str:
        """Return a message about a removed run: its status, and why its files are gone."""
        ended = f"ended as {gone.status!r}" if gone.status else "has ended"
        kept = "" if self._keep_seconds is None else f" was kept for {self._keep_seconds:g} s and"
        return f"run {gone.run_id} {ended} and was delivered; what it left{kept} is removed now"

    # --- what may go: asked in any thread

    def due(self, limit: int) -> list[int]:
        """Return at most ``limit`` runs kept long enough, oldest first. Raises StorageError."""
        if self._keep_seconds is None:
            return []
        before = time.time() - self._keep_seconds
        with _as_storage_error(self._closed, "read"):
            old = (note for note in self._ages(self._closed) if note[0] <= before)
            return [run_id for _, run_id in heapq.nsmallest(limit, old)]

    def unused_volumes(self, limit: int) -> list[str]:
        """Return at most ``limit`` shared folders without an open or kept run as user.

        A folder without any record of users is from an older node: its modification time tells
        when the folder was last used. Raises StorageError.
        """
        if self._keep_seconds is None:
            return []
        found: list[str] = []
        before = time.time() - self._keep_seconds
        shared = self._root / SHARED_FOLDER
        if not shared.is_dir():
            return []
        with _as_storage_error(shared, "read"), os.scandir(shared) as entries:
            for entry in entries:
                if len(found) == limit:
                    break
                if not entry.is_dir(follow_symlinks=False):
                    continue
                is_used = _has_entries(self._volumes / entry.name)
                old = entry.stat(follow_symlinks=False).st_mtime < before
                if is_used is False or (is_used is None and old):
                    found.append(entry.name)
        return found

    # --- making it go

    def discard_run(self, run_id: int) -> None:
        """Remove a closed run's folder, but keep the run's note. Raises StorageError."""
        note = self._closed / str(run_id)
        past = _read(note, run_id)
        with _as_storage_error(note, "moved"):
            if past is not None:
                note.replace(self._gone / str(run_id))
            self._trash.discard(self._root / str(run_id))
            volumes = past.volumes if past is not None else None
            for name in _names(self._volumes) if volumes is None else volumes:
                (self._volumes / name / str(run_id)).unlink(missing_ok=True)

    def forget(self, run_id: int) -> None:
        """Remove all records and files of a closed run, because another run has the same id now.

        The note is removed first: with the old note, the new run's folder would be removed too
        early. After a crash in between, the next start writes a note for the folder. Raises
        StorageError.
        """
        folder = self._root / str(run_id)
        with _as_storage_error(folder, "moved"):
            (self._closed / str(run_id)).unlink(missing_ok=True)
            self._trash.discard(folder)
            (self._gone / str(run_id)).unlink(missing_ok=True)
            for name in _names(self._volumes):
                (self._volumes / name / str(run_id)).unlink(missing_ok=True)

    def discard_volume(self, name: str) -> bool:
        """Remove a shared folder and return True; False if a run uses it. Raises StorageError."""
        users = self._volumes / name
        with _as_storage_error(users, "moved"):
            try:
                users.rmdir()
            except FileNotFoundError:
                pass
            except OSError:  # not empty: a new run uses the folder
                return False
            self._trash.discard(self._root / SHARED_FOLDER / name)
        return True

    # --- in any thread, after that

    def empty_trash(self, going: Callable[[], bool]) -> Iterator[str]:
        """Call ``Trash.empty``. Raises StorageError."""
        with _as_storage_error(self._trash_folder, "read"):
            yield from self._trash.empty(going)

    def forget_oldest(self) -> int:
        """Forget the oldest removed runs if too many; return how many. Raises StorageError."""
        with _as_storage_error(self._gone, "read"):
            too_many = sum(map(is_run_id, _names(self._gone))) - _REMEMBERED
            if too_many <= 0:
                return 0
            oldest = heapq.nsmallest(min(too_many, _REMEMBERED), self._ages(self._gone))
            for _, run_id in oldest:
                (self._gone / str(run_id)).unlink(missing_ok=True)
        return len(oldest)

    # --- at the start

    def unnoted(self, open_runs: set[int]) -> list[int]:
        """Return runs with a folder, neither open nor closed: after a crash or an older node."""
        there = (int(name) for name in _names(self._root) if is_run_id(name))
        return sorted(run_id for run_id in there if not self._is_noted(run_id, open_runs))

    def _is_noted(self, run_id: int, open_runs: set[int]) -> bool:
        return run_id in open_runs or self.is_closed(run_id)

    def is_old(self, run_id: int) -> bool:
        """Return whether a run's folder was last changed longer ago than folders are kept."""
        if self._keep_seconds is None:
            return False
        try:
            changed = (self._root / str(run_id)).lstat().st_mtime
        except FileNotFoundError:
            return False
        return changed < time.time() - self._keep_seconds

    def drop_stale_users(self) -> None:
        """Remove the records of runs without a folder from the users of shared folders."""
        for name in _names(self._volumes):
            for user in _names(self._volumes / name):
                if not (self._root / user).exists():
                    (self._volumes / name / user).unlink(missing_ok=True)

    @staticmethod
    def _ages(folder: Path) -> Iterator[tuple[float, int]]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_run_id(entry.name):
                    with contextlib.suppress(FileNotFoundError):
                        yield entry.stat().st_mtime, int(entry.name)


def _names(folder: Path) -> Iterator[str]:
    """Yield the names in a folder, none if the folder is missing. Entries may go meanwhile."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            yield entry.name


def _has_entries(folder: Path) -> bool | None:
    """Return whether a folder has entries; None if the folder does not exist."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except FileNotFoundError:
        return None


def _read(path: Path, run_id: int) -> PastRun | None:
    try:
        digest, status, volumes, *more = _parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return PastRun(run_id)
    origin = more[0] if more and isinstance(more[0], dict) else {}
    return PastRun(run_id, str(digest), str(status), volumes and tuple(volumes), origin)


def _parse(text: str) -> list[Any]:
    data: list[Any] = json.loads(text)
    return data


@contextlib.contextmanager
def _as_storage_error(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: cannot be {what} ({error.strerror})") from error
