"""Files that appear as a whole: a reader sees all of a file, or no file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write_new(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file that is not there yet, down to the disk. Raises FileExistsError, OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:  # noqa: PTH123  a Path cannot open a descriptor
        file.write(data)
        file.flush()
        os.fsync(descriptor)


@contextmanager
def written_beside(path: Path, data: bytes, mode: int = 0o600) -> Iterator[Path]:
    """Yield a file with the data in the folder of ``path``, to be renamed or linked to ``path``.

    Raises FileExistsError, OSError.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    write_new(beside, data, mode)
    try:
        yield beside
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()
