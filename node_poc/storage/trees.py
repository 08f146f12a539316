"""Remove the files of an algorithm: millions of names, very deep folders, closed folders.

Entries are removed while the tree is read: memory does not grow with the tree. Only two folders are
open at a time: the root of the tree and one of its subfolders. Deeper folders are moved up into the
root. Therefore no path grows, nothing recurses, and removed entries stay removed: if a removal ends
early, because its budget is used up or the process dies, a later call continues. No link is
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
# How many folders that were moved up are removed in the same pass; the next pass finds the others.
_PENDING = 1000
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})


class OutOfBudgetError(Exception):
    """The budget is used up."""


class Budget:
    """How many entries may be read, and until when."""

    def __init__(self, entries: int, seconds: float) -> None:
        """Allow ``entries`` entries within ``seconds`` from now."""
        self._left = entries
        self._until = time.monotonic() + seconds

    def take(self) -> None:
        """Count one entry. Raises OutOfBudgetError."""
        self._left -= 1
        if self._left < 0 or time.monotonic() > self._until:
            raise OutOfBudgetError


@dataclass
class Progress:
    """Result of ``remove_part``.

    Attributes:
        gone: whether nothing is left.
        steps: how many entries were removed or moved.
        error: the first error.
    """

    gone: bool = False
    steps: int = 0
    error: OSError | None = None


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    """Open one of the node's own folders; yield the file descriptor. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield handle
    finally:
        os.close(handle)


def open_folder(parent: int, name: str, rights: int = _OWNER) -> int:
    """Open a folder for reading, following no link, even if the folder is closed to its owner.

    An algorithm runs as the node's user and may remove all of that user's rights on a folder.

    Args:
        parent: file descriptor of the parent folder.
        name: name of the folder.
        rights: mode bits that the folder must have; missing bits are set.

    Raises:
        NotADirectoryError: the entry is not a folder; a link to a folder is not a folder.
        OSError: the folder cannot be opened.
    """
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        open_to_owner(handle, rights)
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=handle)
    finally:
        os.close(handle)


def open_to_owner(handle: int, rights: int = _OWNER) -> None:
    """Set missing ``rights`` in an open folder's mode; leave another user's folder unchanged."""
    mode = stat.S_IMODE(os.fstat(handle).st_mode)
    if mode & rights != rights:
        with suppress(PermissionError):
            # fchmod rejects an O_PATH descriptor; this path names the descriptor's folder.
            os.chmod(f"/proc/self/fd/{handle}", mode | rights)  # noqa: PTH101  no path of a file


def remove_part(parent: int, name: str, budget: Budget) -> Progress:
    """Remove a file, or as much of a tree as the budget allows; call again until ``gone``.

    Args:
        parent: file descriptor of the parent folder.
        name: name of the file or of the tree.
        budget: limits the work; the call uses up a part or all of the budget.
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
        self._prefix = uuid.uuid4().hex  # no algorithm can have used this name
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
        """Remove all entries of the root; return whether nothing is left.

        A file system may leave out entries of a folder that changes during reading. Therefore the
        root is read again until it is empty.
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
        """Remove one entry of the root, with its content."""
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
        """Empty a folder of the root: move its subfolders up; return some of their new names."""
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
        """Remove a file or an empty folder; return False only for a folder with content."""
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
        """Move a folder into the root; return the new name, or None if the folder cannot move."""
        self._moved += 1
        fresh = f"{self._prefix}.{self._moved}"
        try:
            try:
                os.rename(name, fresh, src_dir_fd=folder, dst_dir_fd=root)
            except PermissionError:  # moving a folder needs the right to write to the folder
                os.close(open_folder(folder, name))
                os.rename(name, fresh, src_dir_fd=folder, dst_dir_fd=root)
        except OSError as error:
            self._note(error)
            return None
        self.progress.steps += 1
        return fresh

    def _note(self, error: OSError) -> None:
        self.progress.error = self.progress.error or error
