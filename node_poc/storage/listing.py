"""List the files that an algorithm has written, within limits.

An algorithm may write any number of files. The number of entries of any kind, the depth, the length
of paths and the time are limited; the list tells whether there are files beyond a limit. No link is
followed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from node_poc.runs.model import OutputFile
from node_poc.storage.trees import Budget, OutOfBudgetError

log = structlog.get_logger(__name__)

_NOTE = ".listing"
_TRIES = 2
_DEPTH = 16
# Entries of a folder are in memory while they are sorted, about 600 bytes each.
_ENTRIES = 10_000
_SECONDS = 5.0
# Linux accepts no longer path: nobody could read the file.
_PATH_BYTES = 4096
_ALL_PATHS_BYTES = 4 * 1024 * 1024
# A listing takes memory and file descriptors; many runs may end at the same time.
_TURNS = threading.Semaphore(4)


def list_once(run_folder: Path, output: str, limit: int) -> tuple[tuple[OutputFile, ...], bool]:
    """Call ``list_output`` for a run, unless the node has died of the listing before.

    A note in the run's folder counts the calls that did not return.

    Args:
        run_folder: the run's own folder, hidden from algorithms.
        output: name of the output folder in ``run_folder``.
        limit: maximum number of files in the list.
    """
    note = run_folder / _NOTE
    with suppress(OSError):  # on a full disk there is no note
        if note.exists() and note.stat().st_size >= _TRIES:
            log.error("output not listed: the node died of that before", folder=str(run_folder))
            return (), True
        with note.open("ab") as tries:
            tries.write(b"x")
    listed = list_output(run_folder / output, limit)
    with suppress(OSError):
        note.unlink(missing_ok=True)
    return listed


def list_output(folder: Path, limit: int) -> tuple[tuple[OutputFile, ...], bool]:
    """List the regular files that an algorithm has written.

    Args:
        folder: the run's output folder.
        limit: maximum number of files in the list.

    Returns:
        the files in order of their paths, and whether files are left out. If there are more entries
        than may be read, the list has the entries that the file system returns first.
    """
    with _TURNS:
        budget = Budget(max(_ENTRIES, 2 * limit), _SECONDS)  # its time begins with its turn
        listing = _Listing(limit, budget, _ALL_PATHS_BYTES)
        try:
            root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError):  # a run may have a single file instead
            return (), False
        except OSError:  # the algorithm has closed the folder
            return (), True
        try:
            listing.add(root, "", _DEPTH)
        except OutOfBudgetError:
            listing.more = True
        finally:
            os.close(root)
    return tuple(listing.found), listing.more


@dataclass
class _Listing:
    """The list so far; ``path_bytes``: left for all paths; ``more``: whether files are left out."""

    limit: int
    budget: Budget
    path_bytes: int
    found: list[OutputFile] = field(default_factory=list)
    more: bool = False

    def add(self, folder: int, prefix: str, depth: int) -> None:
        """List a folder and its subfolders. Raises OutOfBudgetError if a limit stops the list."""
        for name, is_folder in self._sorted(folder):
            path = prefix + name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            if is_folder:
                self._add_folder(folder, name, f"{path}/", depth)
            else:
                self._add_file(folder, name, path)

    def _sorted(self, folder: int) -> list[tuple[str, bool]]:
        """Return folders and regular files, sorted by name, as many as the budget allows."""
        entries: list[tuple[str, bool]] = []
        try:
            for entry in _scan(folder):
                self.budget.take()
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder or entry.is_file(follow_symlinks=False):
                    entries.append((entry.name, is_folder))
        except (OSError, OutOfBudgetError):
            self.more = True
        return sorted(entries)

    def _add_folder(self, parent: int, name: str, prefix: str, depth: int) -> None:
        try:
            folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        except OSError:  # the algorithm has closed the folder
            self.more = True
            return
        try:
            if depth:
                self.add(folder, prefix, depth - 1)
            elif next(_scan(folder), None) is not None:
                self.more = True
        finally:
            os.close(folder)

    def _add_file(self, parent: int, name: str, path: str) -> None:
        if len(self.found) == self.limit:
            raise OutOfBudgetError
        length = len(path.encode())
        self.path_bytes -= length
        if length > _PATH_BYTES or self.path_bytes < 0:
            self.more = True
            return
        try:
            size = os.stat(name, dir_fd=parent, follow_symlinks=False).st_size
        except OSError:
            self.more = True
            return
        self.found.append(OutputFile(path, size))


def _scan(folder: int) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from entries
