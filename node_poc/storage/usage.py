"""Measure how much of the disk a run uses, as ``du`` does: by blocks, not by lengths.

A sparse file counts by its blocks. Each name of a file with several names counts for an equal part:
the file counts once if all its names are counted. A folder counts by its own blocks, of which many
names need many. Not counted are deleted files that are still open, and folders of another user that
the node may not read. Entries, depth and time of a measurement are bounded; a tree beyond the bound
of entries or depth exceeds every allowance. No link is followed.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from node_poc.storage.trees import Budget, OutOfBudgetError, open_folder, opened

# No useful tree is deeper. While a folder is read, each level above takes two file descriptors.
DEPTH = 64
# More names are counted only for an allowance of more files.
ENTRIES = 1_000_000
_BLOCK = 512
# A measurement takes file descriptors, and many runs may end at the same time.
_TURNS = threading.Semaphore(4)
_READ = stat.S_IRUSR | stat.S_IXUSR


@dataclass
class Usage:
    """Result of a measurement.

    Attributes:
        size: bytes on the disk.
        files: number of names of any kind.
        too_deep: whether there are entries deeper than ``DEPTH`` folders.
        too_many: whether there are more names than are counted.
        whole: False if the time was up before everything was counted, or enough to exceed the
            allowance.
    """

    size: int = 0
    files: int = 0
    too_deep: bool = False
    too_many: bool = False
    whole: bool = True


@dataclass(frozen=True)
class Allowance:
    """How much of the disk a run may use: bytes, and names of any kind. None: no limit."""

    size: int | None
    files: int | None

    @property
    def is_unlimited(self) -> bool:
        """Whether there is no limit, and thus nothing to count."""
        return self.size is None and self.files is None

    def is_exceeded_by(self, usage: Usage) -> bool:
        """Return whether the usage exceeds a limit, or is too deep or too much to be counted."""
        if self.is_unlimited:
            return False
        too_large = self.size is not None and usage.size > self.size
        too_many = self.files is not None and usage.files > self.files
        return too_large or too_many or usage.too_deep or usage.too_many


def measure(paths: Iterable[Path], allowed: Allowance, seconds: float) -> Usage:
    """Measure files and folders, until their usage exceeds the allowance.

    If an algorithm has closed a folder to its owner, the node's user, the node opens the folder.

    Args:
        paths: files and folders that a run can write to; a missing path counts nothing.
        allowed: the run's allowance, at which counting stops.
        seconds: time limit.
    """
    if allowed.is_unlimited:
        return Usage()
    with _TURNS:
        entries = max(ENTRIES, allowed.files or 0)
        count = _Count(allowed, Budget(entries, seconds))  # its time begins with its turn
        try:
            for path in paths:
                count.add_path(path)
        except OutOfBudgetError:
            count.usage.too_many = count.usage.files >= entries
            count.usage.whole = count.usage.too_many
        except _EnoughError:
            pass
    return count.usage


class _EnoughError(Exception):
    """The usage exceeds the allowance already: stop counting."""


class _Count:
    """The count of one measurement."""

    def __init__(self, allowed: Allowance, budget: Budget) -> None:
        self.usage = Usage()
        self._allowed = allowed
        self._budget = budget

    def add_path(self, path: Path) -> None:
        """Count a file, or a folder with its content. Raises OutOfBudgetError, _EnoughError."""
        try:
            status = path.lstat()
            self._add(status, names=0)
            if stat.S_ISDIR(status.st_mode):
                with opened(path.parent) as parent:
                    self._add_folder(parent, path.name, DEPTH)
        except OSError:  # removed meanwhile
            return

    def _add_folder(self, parent: int, name: str, depth: int) -> None:
        """Count the content of a folder; the recursion has a bounded depth."""
        try:
            folder = open_folder(parent, name, _READ)
        except OSError:  # removed meanwhile, or owned by another user
            return
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._budget.take()
                    self._add_entry(folder, entry, depth)
        finally:
            os.close(folder)

    def _add_entry(self, folder: int, entry: os.DirEntry[str], depth: int) -> None:
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return
        if stat.S_ISDIR(status.st_mode):
            self.usage.too_deep = depth == 0
        self._add(status, names=1)
        if stat.S_ISDIR(status.st_mode):
            self._add_folder(folder, entry.name, depth - 1)

    def _add(self, status: os.stat_result, *, names: int) -> None:
        shared_by = 1 if stat.S_ISDIR(status.st_mode) else max(1, status.st_nlink)
        self.usage.size += status.st_blocks * _BLOCK // shared_by
        self.usage.files += names
        if self._allowed.is_exceeded_by(self.usage):
            raise _EnoughError
