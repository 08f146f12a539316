"""Folders as an algorithm may leave them, made without any path that is too long for Linux."""

import os
from pathlib import Path


def nest(folder: Path, levels: int, name: str, mode: int = 0o755) -> Path:
    """Make nested folders with a file in the last folder, and set the last folder's mode.

    Return the path of the last folder; the path may be longer than Linux allows.
    """
    handle = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=handle)
        inside = os.open(name, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inside
    os.close(os.open("hidden", os.O_CREAT, dir_fd=handle))
    os.fchmod(handle, mode)
    os.close(handle)
    return folder.joinpath(*[name] * levels)


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def open_files() -> int:
    """Return the number of open descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))
