"""Whether a file or folder can be read by a user of a pod, told from modes and owners.

A look from the side: the user is another than the one who looks, so nothing is opened for it. Modes
alone count; access lists and network disks may say something else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

# Of what lies in a folder, so many entries are looked at.
_ENTRIES = 200


class Sight(StrEnum):
    """What a look found."""

    READABLE = "readable"
    CLOSED = "closed"
    CLOSED_ABOVE = "closed above"
    MISSING = "missing"
    WRONG_KIND = "wrong kind"
    UNSEEN = "unseen"


@dataclass(frozen=True)
class Seen:
    """``place``: where the look ended, ``remedy``: a command that mends it, if there is one."""

    sight: Sight
    place: Path
    remedy: str = ""


@dataclass(frozen=True)
class Reader:
    """A user, and all groups that it is in."""

    user: int
    groups: frozenset[int]

    def may(self, status: os.stat_result, bits: int) -> bool:
        """Whether it has these of ``rwx`` (4, 2, 1); the first class that fits counts alone.

        Algorithms have no capabilities, so root may do no more than its files' modes say.
        """
        if status.st_uid == self.user:
            shift = 6
        elif status.st_gid in self.groups:
            shift = 3
        else:
            shift = 0
        return (status.st_mode >> shift) & bits == bits


def look(path: Path, reader: Reader, *, is_folder: bool) -> Seen:
    """Look whether ``reader`` can read a file, or a folder and what lies in it.

    ``UNSEEN`` means that whoever looks may not look there, or that even the folder around it is not
    on this machine, so that the path is another machine's.
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
    """Whether the folder is in use here; an empty /srv or /data is on every machine."""
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
