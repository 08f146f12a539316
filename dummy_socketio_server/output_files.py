"""Writes files below one folder and nowhere else, whatever their names say.

The names come from an algorithm, that is from a stranger. Each folder on the way is opened from the
one before it without following links, so that neither `..` nor a link, there before or put there
meanwhile, leads out. A file appears under its name only when it is whole.
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
# What stays free: a full disk is everybody's trouble.
RESERVE_BYTES = 50_000_000
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REASONS = {
    errno.EEXIST: "is there already; give --force to overwrite it, or another folder",
    errno.ELOOP: "would lead through a link, which is not followed",
    errno.ENOTDIR: "would lead through a link or a file where a folder has to be",
}


class FilesError(Exception):
    """A file cannot be written; the text says which and why. is_full: and no other can either."""

    def __init__(self, text: str, *, is_full: bool = False) -> None:
        super().__init__(text)
        self.is_full = is_full


def parts_of(path: Any) -> Parts:
    """Return the parts of a relative path that leads downwards. Raises FilesError."""
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
    """The folder that the files go below; with `force` a file there may be overwritten.

    The folder itself is the user's choice and may be a link.
    """

    def __init__(self, folder: Path, *, force: bool) -> None:
        self.folder = folder
        self._force = force

    def check_free(self, files: Iterable[Parts]) -> None:
        """Refuse before anything is written if a file is there already. Raises FilesError."""
        there = [parts for parts in files if os.path.lexists(self.folder.joinpath(*parts))]
        if there and not self._force:
            more = f" and {len(there) - 1} more" if len(there) > 1 else ""
            first = self.folder.joinpath(*there[0])
            raise FilesError(f"{first}{more}: {_REASONS[errno.EEXIST]}; nothing was written")

    def check_room(self, size_bytes: int) -> None:
        """Refuse before anything is written if so much does not fit. Raises FilesError."""
        there = self.folder.absolute()
        while not there.exists() and there != there.parent:
            there = there.parent
        try:
            free = shutil.disk_usage(there).free
        except OSError:
            return  # whoever writes there will be told why it does not work
        if size_bytes + RESERVE_BYTES > free:
            raise FilesError(
                f"{self.folder}: {size_bytes:,} bytes do not fit there, {free:,} are free; give "
                "another folder, or a smaller --max-size; nothing was written",
                is_full=True,
            )

    @contextlib.contextmanager
    def writing(self, parts: Parts) -> Iterator[BinaryIO]:
        """Give a file to write to; it gets its name at the end, or is gone after an error.

        Raises FilesError.
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
                if not self._force:  # take the name, so that what is there is never replaced
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
