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


class Sight(StrEnum):
    """Result of ``look``.

    ``CLOSED``: the file or folder, or an entry of the folder, is closed to the reader.
    ``CLOSED_ABOVE``: a folder above is closed. ``UNSEEN``: see ``look``.
    """

    READABLE = "readable"
    CLOSED = "closed"
    CLOSED_ABOVE = "closed above"
    MISSING = "missing"
    WRONG_KIND = "wrong kind"
    UNSEEN = "unseen"


@dataclass(frozen=True)
class Seen:
    """A ``Sight``, the ``place`` where it was found, and a ``remedy``: a command, or ""."""

    sight: Sight
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


def look(path: Path, reader: Reader, *, is_folder: bool) -> Seen:
    """Return whether ``reader`` can read a file, or a folder and its entries.

    The result is ``UNSEEN`` if this process may not look there, or if the folder around ``path`` is
    missing or empty here, as for a path of another machine.
    """
    try:
        real = path.resolve(strict=True)
    except PermissionError:
        return Seen(Sight.UNSEEN, path)
    except (OSError, RuntimeError):  # RuntimeError: links in a circle
        return Seen(Sight.MISSING if _holds_anything(path.parent) else Sight.UNSEEN, path)
    try:
        return _look_along(real, reader, is_folder=is_folder)
    except OSError:
        return Seen(Sight.UNSEEN, path)


def _holds_anything(folder: Path) -> bool:
    """Return whether the folder is in use here; every machine has an empty /srv or /data."""
    try:
        with os.scandir(folder) as entries:
            return folder != folder.parent and next(entries, None) is not None
    except OSError:
        return False


def _look_along(real: Path, reader: Reader, *, is_folder: bool) -> Seen:
    status = real.stat()
    if is_folder != stat.S_ISDIR(status.st_mode) or not (is_folder or stat.S_ISREG(status.st_mode)):
        return Seen(Sight.WRONG_KIND, real)
    if not reader.may(status, 5 if is_folder else 4):
        return Seen(Sight.CLOSED, real, f"chmod {'o+rx' if is_folder else 'o+r'} {real}")
    for entry, entry_status in _entries(real) if is_folder else ():
        if not reader.may(entry_status, 5 if stat.S_ISDIR(entry_status.st_mode) else 4):
            return Seen(Sight.CLOSED, entry, f"chmod -R o+rX {real}")
    for folder in reversed(real.parents):
        if not reader.may(folder.stat(), 1):
            return Seen(Sight.CLOSED_ABOVE, folder, f"chmod o+x {folder}")
    return Seen(Sight.READABLE, real)


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    with os.scandir(folder) as entries:
        for _, entry in zip(range(_ENTRIES), entries, strict=False):
            if not entry.is_symlink():
                yield Path(entry.path), entry.stat(follow_symlinks=False)
