"""Check from modes and owners whether a pod's user can read a file or folder.

The check cannot try to open a file, because it runs as another user. Only modes and owners count;
access control lists and network disks may differ.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

# How many entries of a folder are checked.
_ENTRIES = 200


class Readability(StrEnum):
    """Result of ``check_readable``.

    ``CLOSED``: the file or folder, or an entry of the folder, is closed to the reader.
    ``FOLDER_ABOVE_CLOSED``: a folder above is closed. ``UNKNOWN``: see ``check_readable``.
    """

    READABLE = "readable"
    CLOSED = "closed"
    FOLDER_ABOVE_CLOSED = "folder above closed"
    MISSING = "missing"
    WRONG_KIND = "wrong kind"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ReadCheck:
    """A ``Readability``, the ``place`` where it was found, and a ``remedy``: a command, or ""."""

    readability: Readability
    place: Path
    remedy: str = ""


@dataclass(frozen=True)
class Reader:
    """A user and all its groups, as numbers."""

    user: int
    groups: frozenset[int]

    def may(self, status: os.stat_result, bits: int) -> bool:
        """Return whether the user has the rights ``bits``, a sum of ``rwx`` (4, 2, 1).

        Only the first class that fits counts: owner, group, others. Algorithms have no
        capabilities: even root has only the rights in the mode.
        """
        if status.st_uid == self.user:
            shift = 6
        elif status.st_gid in self.groups:
            shift = 3
        else:
            shift = 0
        return (status.st_mode >> shift) & bits == bits


def check_readable(path: Path, reader: Reader, *, is_folder: bool) -> ReadCheck:
    """Return whether ``reader`` can read a file, or a folder and its entries.

    The result is ``UNKNOWN`` if this process may not look there, or if the folder around ``path``
    is missing or empty here, as for a path of another machine.
    """
    try:
        real = path.resolve(strict=True)
    except PermissionError:
        return ReadCheck(Readability.UNKNOWN, path)
    except (OSError, RuntimeError):  # RuntimeError: links in a circle
        is_missing = _holds_anything(path.parent)
        return ReadCheck(Readability.MISSING if is_missing else Readability.UNKNOWN, path)
    try:
        return _check_along(real, reader, is_folder=is_folder)
    except OSError:
        return ReadCheck(Readability.UNKNOWN, path)


def _holds_anything(folder: Path) -> bool:
    """Return whether the folder is in use here; every machine has an empty /srv or /data."""
    try:
        with os.scandir(folder) as entries:
            return folder != folder.parent and next(entries, None) is not None
    except OSError:
        return False


def _check_along(real: Path, reader: Reader, *, is_folder: bool) -> ReadCheck:
    status = real.stat()
    if is_folder != stat.S_ISDIR(status.st_mode) or not (is_folder or stat.S_ISREG(status.st_mode)):
        return ReadCheck(Readability.WRONG_KIND, real)
    if not reader.may(status, 5 if is_folder else 4):
        return ReadCheck(Readability.CLOSED, real, f"chmod {'o+rx' if is_folder else 'o+r'} {real}")
    for entry, entry_status in _entries(real) if is_folder else ():
        if not reader.may(entry_status, 5 if stat.S_ISDIR(entry_status.st_mode) else 4):
            return ReadCheck(Readability.CLOSED, entry, f"chmod -R o+rX {real}")
    for folder in reversed(real.parents):
        if not reader.may(folder.stat(), 1):
            return ReadCheck(Readability.FOLDER_ABOVE_CLOSED, folder, f"chmod o+x {folder}")
    return ReadCheck(Readability.READABLE, real)


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    with os.scandir(folder) as entries:
        for _, entry in zip(range(_ENTRIES), entries, strict=False):
            if not entry.is_symlink():
                yield Path(entry.path), entry.stat(follow_symlinks=False)
