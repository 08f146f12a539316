"""Write files below one folder and nowhere else, whatever the names of the files are.

The names come from an algorithm and are not trusted. Each folder of a path is opened relative to
its parent folder without following links, so that neither `..` nor a link, old or new, leads out of
the folder. Content appears under a file's name only when the file is complete.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

Parts = tuple[str, ...]
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_FOLDER = os.O_RDONLY | os.O_DIRECTORY
# Bytes of disk space to leave free: a full disk hurts every program on the machine.
RESERVE_BYTES = 50_000_000
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REASONS = {
    errno.EEXIST: "is there already; give --force to overwrite it, or another folder",
    errno.ELOOP: "would lead through a link, which is not followed",
    errno.ENOTDIR: "would lead through a link or a file where a folder has to be",
}


class FilesError(Exception):
    """A file cannot be written; the text names file and reason.

    Attributes:
        is_full: whether no other file can be written either.
    """

    def __init__(self, text: str, *, is_full: bool = False) -> None:
        super().__init__(text)
        self.is_full = is_full


def parts_of(path: Any) -> Parts:
    """Return the parts of a relative path that leads downwards. Raise FilesError."""
    if not isinstance(path, str):
        raise FilesError(f"{path!r}: is no file name")
    parts = tuple(path.split("/"))
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise FilesError(f"{path!r}: is not a plain path below the output folder")
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        raise FilesError(f"{path!r}: is no file name") from error
    return parts


class OutputFolder:
    """The folder for the files; with `force` an existing file may be overwritten.

    The user chooses the folder, so the folder itself may be a link.
    """

    def __init__(self, folder: Path, *, force: bool) -> None:
        self.folder = folder
        self._force = force

    def check_free(self, files: Iterable[Parts]) -> None:
        """Raise FilesError before anything is written if a file exists, unless `force` is set."""
        there = [parts for parts in files if os.path.lexists(self.folder.joinpath(*parts))]
        if there and not self._force:
            more = f" and {len(there) - 1} more" if len(there) > 1 else ""
            first = self.folder.joinpath(*there[0])
            raise FilesError(f"{first}{more}: {_REASONS[errno.EEXIST]}; nothing was written")

    def check_room(self, size_bytes: int) -> None:
        """Raise FilesError before anything is written if the bytes do not fit on the disk."""
        there = self.folder.absolute()
        while not there.exists() and there != there.parent:
            there = there.parent
        try:
            free = shutil.disk_usage(there).free
        except OSError:
            return  # writing a file will report the error
        if size_bytes + RESERVE_BYTES > free:
            raise FilesError(
                f"{self.folder}: {size_bytes:,} bytes do not fit there, {free:,} are free; give "
                "another folder, or a smaller --max-size; nothing was written",
                is_full=True,
            )

    @contextlib.contextmanager
    def writing(self, parts: Parts) -> Iterator[BinaryIO]:
        """Yield a file to write to; the content gets the file's name at the end.

        Raise FilesError. After an error the content is deleted.
        """
        try:
            with self._parent(parts) as parent, self._file(parent, parts[-1]) as file:
                yield file
        except OSError as error:
            raise self._explained(parts, error) from error

    @contextlib.contextmanager
    def _parent(self, parts: Parts) -> Iterator[int]:
        with contextlib.suppress(FileExistsError):
            self.folder.mkdir(parents=True)
        here = os.open(self.folder, _FOLDER)
        try:
            for part in parts[:-1]:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=here)
                below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)

    @contextlib.contextmanager
    def _file(self, parent: int, name: str) -> Iterator[BinaryIO]:
        unfinished = [f".{secrets.token_hex(8)}.part"]
        part = os.open(unfinished[0], _NEW, 0o666, dir_fd=parent)
        try:
            with os.fdopen(part, "wb") as file:
                if not self._force:  # reserve the name, so that an existing file is never replaced
                    os.close(os.open(name, _NEW, 0o666, dir_fd=parent))
                    unfinished.append(name)
                yield file
            os.replace(unfinished[0], name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            for left in unfinished:
                with contextlib.suppress(OSError):
                    os.unlink(left, dir_fd=parent)
            raise

    def _explained(self, parts: Parts, error: OSError) -> FilesError:
        path = self.folder.joinpath(*parts)
        reason = _REASONS.get(error.errno or 0, f"cannot be written ({error.strerror})")
        return FilesError(f"{path}: {reason}", is_full=error.errno in _FULL)
