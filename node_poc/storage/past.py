"""What is kept of runs whose results the server has, how long, and what is left afterwards.

    <task_dir>/.node/closed/<run_id>           delivered at its time; has digest, status, volumes...
    <task_dir>/.node/gone/<run_id>             the same file, moved here when the run's folder went
    <task_dir>/.node/volumes/<name>/<run_id>   empty; there while a run that used tmp/<name> is kept
    <task_dir>/.node/trash/                    what is being removed (``trash.py``)

Many runs fill these folders, so each is read as a stream.
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
from node_poc.storage.records import StorageError
from node_poc.storage.trash import Trash

# So many removed runs are remembered; each takes one block of the disk.
_REMEMBERED = 10_000


@dataclass(frozen=True)
class PastRun:
    """A run that is over. All is empty if the disk was too full to write it down.

    ``origin``: as ``RunSpec.origin``; empty in the notes of an older node.
    """

    run_id: int
    digest: str = ""
    status: str = ""
    volumes: tuple[str, ...] | None = None
    origin: dict[str, str] = field(default_factory=dict)


class PastRecords:
    """Reads and writes what is above. Changing calls are the engine's thread's only."""

    def __init__(self, task_dir: Path, keep_seconds: float | None) -> None:
        """``keep_seconds``: how long a folder stays after its delivery; None: for ever."""
        self._root = task_dir
        self._keep_seconds = keep_seconds
        self._closed = task_dir / ".node" / "closed"
        self._gone = task_dir / ".node" / "gone"
        self._volumes = task_dir / ".node" / "volumes"
        self._trash_folder = task_dir / ".node" / "trash"
        self._trash = Trash(self._trash_folder)

    def prepare(self) -> None:
        """Make the folders. Raises StorageError."""
        for folder in (self._closed, self._gone, self._volumes, self._trash_folder):
            with _telling(folder, "made"):
                folder.mkdir(parents=True, exist_ok=True)

    # --- while a run is open, and when it is over

    def use_volume(self, name: str, run_id: int) -> None:
        """Remember that a run uses a shared folder. Raises StorageError."""
        folder = self._volumes / name
        with _telling(folder, "written"):
            folder.mkdir(exist_ok=True)
            (folder / str(run_id)).touch()

    def close(self, past: PastRun) -> None:
        """Note that the server has the result: from now on the time to keep runs.

        On a full disk the note stays empty; the run is over all the same. Raises StorageError.
        """
        path = self._closed / str(past.run_id)
        text = json.dumps([past.digest, past.status, past.volumes, past.origin])
        with _telling(path, "made"):
            path.touch()
            with contextlib.suppress(OSError):
                path.write_text(text, encoding="utf-8")

    def is_closed(self, run_id: int) -> bool:
        """Whether a run is over and its folder is still kept."""
        return (self._closed / str(run_id)).exists()

    def find_gone(self, run_id: int) -> PastRun | None:
        """A run whose folder was removed; None if there was none, or it is long forgotten."""
        return _read(self._gone / str(run_id), run_id)

    def explain_gone(self, gone: PastRun) -> str:
        """Say to who asks for a removed run what became of it."""
        ended = f"ended as {gone.status!r}" if gone.status else "has ended"
        kept = "" if self._keep_seconds is None else f" was kept for {self._keep_seconds:g} s and"
        return f"run {gone.run_id} {ended} and was delivered; what it left{kept} is removed now"

    # --- what may go: asked in any thread

    def due(self, limit: int) -> list[int]:
        """Runs whose time is over, oldest first, at the most ``limit``. Raises StorageError."""
        if self._keep_seconds is None:
            return []
        before = time.time() - self._keep_seconds
        with _telling(self._closed, "read"):
            old = (note for note in self._ages(self._closed) if note[0] <= before)
            return [run_id for _, run_id in heapq.nsmallest(limit, old)]

    def unused_volumes(self, limit: int) -> list[str]:
        """Shared folders that no run uses that is open or kept. Raises StorageError.

        One that was never noted is of an older node: its own time says when it was used.
        """
        if self._keep_seconds is None:
            return []
        found: list[str] = []
        before = time.time() - self._keep_seconds
        shared = self._root / SHARED_FOLDER
        if not shared.is_dir():
            return []
        with _telling(shared, "read"), os.scandir(shared) as entries:
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

    def retire(self, run_id: int) -> None:
        """Let a closed run's folder go; that it was there stays known. Raises StorageError."""
        note = self._closed / str(run_id)
        past = _read(note, run_id)
        with _telling(note, "moved"):
            if past is not None:
                note.replace(self._gone / str(run_id))
            self._trash.discard(self._root / str(run_id))
            volumes = past.volumes if past is not None else None
            for name in _names(self._volumes) if volumes is None else volumes:
                (self._volumes / name / str(run_id)).unlink(missing_ok=True)

    def forget(self, run_id: int) -> None:
        """Let all go that is known of a run which is over: its number is another run's now.

        The note goes first: its time would end the folder of the other run. A folder without a
        note, as a crash leaves it, is noted at the next start. Raises StorageError.
        """
        folder = self._root / str(run_id)
        with _telling(folder, "moved"):
            (self._closed / str(run_id)).unlink(missing_ok=True)
            self._trash.discard(folder)
            (self._gone / str(run_id)).unlink(missing_ok=True)
            for name in _names(self._volumes):
                (self._volumes / name / str(run_id)).unlink(missing_ok=True)

    def retire_volume(self, name: str) -> bool:
        """Let a shared folder go, unless a run uses it. Raises StorageError."""
        users = self._volumes / name
        with _telling(users, "moved"):
            try:
                users.rmdir()
            except FileNotFoundError:
                pass
            except OSError:  # it is not empty: a run has come meanwhile
                return False
            self._trash.discard(self._root / SHARED_FOLDER / name)
        return True

    # --- in any thread, after that

    def empty_trash(self, going: Callable[[], bool]) -> Iterator[str]:
        """See ``Trash.empty``. Raises StorageError."""
        with _telling(self._trash_folder, "read"):
            yield from self._trash.empty(going)

    def forget_oldest(self) -> int:
        """Forget the oldest removed runs if they are too many; returns how many. StorageError."""
        with _telling(self._gone, "read"):
            too_many = sum(map(is_number, _names(self._gone))) - _REMEMBERED
            if too_many <= 0:
                return 0
            oldest = heapq.nsmallest(min(too_many, _REMEMBERED), self._ages(self._gone))
            for _, run_id in oldest:
                (self._gone / str(run_id)).unlink(missing_ok=True)
        return len(oldest)

    # --- at the start

    def unnoted(self, open_runs: set[int]) -> list[int]:
        """Runs with a folder that are neither open nor closed: of a crash, or an older node."""
        there = (int(name) for name in _names(self._root) if is_number(name))
        return sorted(run_id for run_id in there if not self._is_noted(run_id, open_runs))

    def _is_noted(self, run_id: int, open_runs: set[int]) -> bool:
        return run_id in open_runs or self.is_closed(run_id)

    def is_old(self, run_id: int) -> bool:
        """Whether a run's folder was last changed longer ago than folders are kept."""
        if self._keep_seconds is None:
            return False
        try:
            changed = (self._root / str(run_id)).lstat().st_mtime
        except FileNotFoundError:
            return False
        return changed < time.time() - self._keep_seconds

    def drop_stale_users(self) -> None:
        """Strike runs off the shared folders that are neither open nor kept any more."""
        for name in _names(self._volumes):
            for user in _names(self._volumes / name):
                if not (self._root / user).exists():
                    (self._volumes / name / user).unlink(missing_ok=True)

    @staticmethod
    def _ages(folder: Path) -> Iterator[tuple[float, int]]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_number(entry.name):
                    with contextlib.suppress(FileNotFoundError):
                        yield entry.stat().st_mtime, int(entry.name)


def is_number(name: str) -> bool:
    """Whether a folder's name is a run id."""
    return name.isascii() and name.isdigit()


def _names(folder: Path) -> Iterator[str]:
    """Names in a folder, one by one; none if it is not there. Entries may go meanwhile."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            yield entry.name


def _has_entries(folder: Path) -> bool | None:
    """Whether there is anything in a folder; None if it is not there."""
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
def _telling(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: cannot be {what} ({error.strerror})") from error
