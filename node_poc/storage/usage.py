"""How much of the disk a run takes, counted as ``du`` counts: by blocks, not by lengths.

A sparse file counts with what it takes; a file of several names by equal parts, so that it counts
once if all its names are counted; a folder with its own blocks, which many names make large. What
is not counted: a file that was deleted and is still open, and folders of another user that the node
may not read. Entries, depth and time of a look are bounded. No link is followed.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from node_poc.storage.trees import Budget, OutOfBudgetError, open_folder, opened

# No useful tree is deeper; each level takes two descriptors while it is looked at.
DEPTH = 64
_BLOCK = 512
_ENTRIES = 1_000_000
# A look takes descriptors, and many runs may end at once.
_TURNS = threading.Semaphore(4)
_READ = stat.S_IRUSR | stat.S_IXUSR


@dataclass
class Usage:
    """What was counted: bytes, and names of any kind.

    ``too_deep``: there is more below ``DEPTH`` folders. ``whole``: all was counted, or enough to
    say that it is too much.
    """

    size: int = 0
    files: int = 0
    too_deep: bool = False
    whole: bool = True


@dataclass(frozen=True)
class Allowance:
    """How much a run may take: bytes, and names of any kind. None: without limit."""

    size: int | None
    files: int | None

    @property
    def is_endless(self) -> bool:
        """Whether there is nothing to count."""
        return self.size is None and self.files is None

    def is_passed(self, usage: Usage) -> bool:
        """Whether a run takes more than it may; what is too deep to be counted does."""
        if self.is_endless:
            return False
        too_large = self.size is not None and usage.size > self.size
        too_many = self.files is not None and usage.files > self.files
        return too_large or too_many or usage.too_deep


def measure(paths: Iterable[Path], allowed: Allowance, seconds: float) -> Usage:
    """Count what files and folders take, until that is more than is allowed.

    A folder that an algorithm closed to its owner, the node's user, is opened.

    Args:
        paths: what a run can write to; what is not there takes nothing.
        allowed: nothing is counted beyond it.
        seconds: how long this may take.
    """
    count = _Count(allowed, Budget(_ENTRIES, seconds))
    if allowed.is_endless:
        return count.usage
    with _TURNS:
        try:
            for path in paths:
                count.add_path(path)
        except OutOfBudgetError:
            count.usage.whole = False
        except _EnoughError:
            pass
    return count.usage


class _EnoughError(Exception):
    """It is too much already."""


class _Count:
    """The count of one look."""

    def __init__(self, allowed: Allowance, budget: Budget) -> None:
        self.usage = Usage()
        self._allowed = allowed
        self._budget = budget

    def add_path(self, path: Path) -> None:
        """Count a file, or a folder and all in it. Raises OutOfBudgetError, _EnoughError."""
        try:
            status = path.lstat()
            self._add(status, names=0)
            if stat.S_ISDIR(status.st_mode):
                with opened(path.parent) as parent:
                    self._add_folder(parent, path.name, DEPTH)
        except OSError:  # it went meanwhile
            return

    def _add_folder(self, parent: int, name: str, depth: int) -> None:
        """Count what is in a folder; it recurses to a bounded depth only."""
        try:
            folder = open_folder(parent, name, _READ)
        except OSError:  # it went meanwhile, or is another user's
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
        if self._allowed.is_passed(self.usage):
            raise _EnoughError
