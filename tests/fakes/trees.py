"""Folders as an algorithm may leave them, made without a path that Linux takes only in parts."""

import os
from pathlib import Path


def nest(folder: Path, levels: int, name: str, mode: int = 0o755) -> Path:
    """Make folders in each other with a file in the last, whose mode is then set.

    Returns the path of the last; it may be longer than a path can be.
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
    """What a folder holds."""
    return sorted(path.name for path in folder.iterdir())


def open_files() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
