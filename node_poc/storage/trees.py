"""Removing what an algorithm left: millions of names, folders without end, closed folders.

A tree is removed entry by entry as it is read, so nothing of it is held in memory. Two folders are
open at a time, the tree's own and one inside of it; what lies deeper is moved up into the tree's
own folder. So no path grows, nothing recurses, and what is gone stays gone: a removal that ends
early, because its budget is used up or the process dies, is gone on with later. No link is
followed.
"""

from __future__ import annotations

import errno
import os
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_OWNER = stat.S_IRWXU
# Folders that were moved up and are removed at once; the next pass finds the others.
_PENDING = 1000
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})


class OutOfBudgetError(Exception):
    """So much work was allowed, and not more."""


class Budget:
    """How many entries may be looked at, and until when."""

    def __init__(self, entries: int, seconds: float) -> None:
        """``seconds`` count from now."""
        self._left = entries
        self._until = time.monotonic() + seconds

    def take(self) -> None:
        """Take one entry. Raises OutOfBudgetError."""
        self._left -= 1
        if self._left < 0 or time.monotonic() > self._until:
            raise OutOfBudgetError


@dataclass
class Progress:
    """How far a removal came.

    ``gone``: nothing is left. ``steps``: how many entries were removed or moved. ``error``: the
    first that was in the way.
    """

    gone: bool = False
    steps: int = 0
    error: OSError | None = None


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    """A descriptor of one of the node's own folders, for a while. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield handle
    finally:
        os.close(handle)


def open_folder(parent: int, name: str, rights: int = _OWNER) -> int:
    """Open a folder for reading, following no link, even if it is closed to its owner.

    An algorithm runs as the node's user and may take all rights on a folder away from that user.

    Args:
        parent: descriptor of the folder that it lies in.
        name: of the folder.
        rights: bits of its mode that are set if they are not.

    Raises:
        NotADirectoryError: it is something else, also a link to a folder.
        OSError: it cannot be opened.
    """
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        open_to_owner(handle, rights)
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=handle)
    finally:
        os.close(handle)


def open_to_owner(handle: int, rights: int = _OWNER) -> None:
    """Give the owner of an open folder ``rights`` on it; another user's folder stays as it is."""
    mode = stat.S_IMODE(os.fstat(handle).st_mode)
    if mode & rights != rights:
        with suppress(PermissionError):
            # fchmod does not take a descriptor of O_PATH; this name is that descriptor's folder.
            os.chmod(f"/proc/self/fd/{handle}", mode | rights)  # noqa: PTH101  no path of a file


def remove_part(parent: int, name: str, budget: Budget) -> Progress:
    """Remove a file, or as much of a tree as the budget allows; call again while it is not gone.

    Args:
        parent: descriptor of the folder that it lies in.
        name: of the file or of the tree.
        budget: is used up by what is done.
    """
    removal = _Removal(budget)
    with suppress(OutOfBudgetError):
        removal.remove(parent, name)
    return removal.progress


class _Removal:
    """One call of ``remove_part``."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._moved = 0
        self._prefix = uuid.uuid4().hex  # a name that an algorithm cannot have taken
        self.progress = Progress()

    def remove(self, parent: int, name: str) -> None:
        try:
            self.progress.gone = self._remove(parent, name)
        except OSError as error:
            self._note(error)

    def _remove(self, parent: int, name: str) -> bool:
        try:
            root = open_folder(parent, name)
        except FileNotFoundError:
            return True
        except NotADirectoryError:
            os.unlink(name, dir_fd=parent)
            self.progress.steps += 1
            return True
        try:
            if not self._empty(root):
                return False
        finally:
            os.close(root)
        os.rmdir(name, dir_fd=parent)
        self.progress.steps += 1
        return True

    def _empty(self, root: int) -> bool:
        """Remove all in the tree's own folder; returns whether nothing is left.

        A file system may leave out entries of a folder that changes while it is read: so it is
        read until there is nothing in it.
        """
        while True:
            before, found = self.progress.steps, False
            with os.scandir(root) as entries:
                for entry in entries:
                    found = True
                    self._clear(root, entry.name)
            if not found:
                return True
            if self.progress.steps == before:
                return False

    def _clear(self, root: int, name: str) -> None:
        """Remove one entry of the root, and what it has inside."""
        pending = [name]
        while pending:
            name = pending.pop()
            self._budget.take()
            if self._drop(root, name):
                continue
            try:
                moved = self._flatten(root, name, len(pending))
            except OSError as error:
                self._note(error)
                continue
            pending += moved
            self._drop(root, name)

    def _flatten(self, root: int, name: str, pending: int) -> list[str]:
        """Empty a folder of the root: its folders move up; returns some of their new names."""
        moved: list[str] = []
        folder = open_folder(root, name)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._budget.take()
                    if self._drop(folder, entry.name):
                        continue
                    fresh = self._move_up(folder, entry.name, root)
                    if fresh and pending + len(moved) < _PENDING:
                        moved.append(fresh)
        finally:
            os.close(folder)
        return moved

    def _drop(self, folder: int, name: str) -> bool:
        """Remove a file or an empty folder; returns whether there is nothing more to do for it."""
        try:
            try:
                os.unlink(name, dir_fd=folder)
            except IsADirectoryError:
                os.rmdir(name, dir_fd=folder)
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno in _NOT_EMPTY:
                return False
            self._note(error)
            return True
        self.progress.steps += 1
        return True

    def _move_up(self, folder: int, name: str, root: int) -> str | None:
        """Move a folder into the root; returns its new name, or None if that cannot be."""
        self._moved += 1
        fresh = f"{self._prefix}.{self._moved}"
        try:
            try:
                os.rename(name, fresh, src_dir_fd=folder, dst_dir_fd=root)
            except PermissionError:  # a folder that moves must be one that may be written
                os.close(open_folder(folder, name))
                os.rename(name, fresh, src_dir_fd=folder, dst_dir_fd=root)
        except OSError as error:
            self._note(error)
            return None
        self.progress.steps += 1
        return fresh

    def _note(self, error: OSError) -> None:
        self.progress.error = self.progress.error or error
