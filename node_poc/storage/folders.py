"""Folders that an algorithm sees: create them before the run starts, read files after its end.

The node does not trust an algorithm and follows no link when it reads the algorithm's files.
``listing.py`` lists the files, ``usage.py`` measures them, ``trees.py`` removes them.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from node_poc.manifests.volumes import SHARED_FOLDER
from node_poc.runs.model import Mount, MountSource, RunFile, RunSpec
from node_poc.storage.records import StorageError

# Owner: the node's user. Group: the storage group, which every algorithm pod has as supplementary
# group. With the set-group-id bit, files that an algorithm creates inside get the same group.
_SHARED_MODE = 0o2770
_PRIVATE_MODE = 0o750
_FILE_MODE = 0o640
_WRITABLE_FILE_MODE = 0o660
_PART_BYTES = 4 * 1024 * 1024


def make_run_folders(task_dir: Path, spec: RunSpec, locate: dict[Mount, str]) -> None:
    """Create the folders and files for a run's mounts, before the pod exists.

    Args:
        task_dir: folder of all runs.
        spec: the run.
        locate: path of each of the run's mounts, relative to ``task_dir``.

    Raises:
        StorageError: a folder or file cannot be created.
    """
    try:
        _make_folder(task_dir / str(spec.run_id), _PRIVATE_MODE)
        for mount, path in locate.items():
            if mount.is_folder:
                _make_folder(task_dir / path, _SHARED_MODE)
        for file in spec.files:
            _write_file(task_dir / str(spec.run_id) / file.name, file)
    except OSError as error:
        # The error of a failed write, as on a full disk, does not name the file.
        where = error.filename or task_dir / str(spec.run_id)
        raise StorageError(f"{where}: cannot be made ({error.strerror})") from error


def make_shared_folder(task_dir: Path, name: str) -> None:
    """Create a folder that several runs share; the folder may exist already.

    Raises:
        StorageError: the folder cannot be created, or ``name`` is not a plain folder name.
    """
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise StorageError("volume: its name must be that of a folder, without /")
    path = task_dir / SHARED_FOLDER / name
    try:
        _make_folder(path, _SHARED_MODE)
    except OSError as error:
        raise StorageError(f"{path}: cannot be made ({error.strerror})") from error


def _make_folder(path: Path, mode: int) -> None:
    path.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(path.lstat().st_mode):
        raise StorageError(f"{path}: is a link; the node makes folders only in folders")
    path.chmod(mode)


def _write_file(path: Path, file: RunFile) -> None:
    if file.content is None:
        return  # the file was written when the node first got the run
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    mode = _WRITABLE_FILE_MODE if file.writable else _FILE_MODE
    with os.fdopen(os.open(path, flags, mode), "wb") as written:
        os.fchmod(written.fileno(), mode)  # independent of the umask
        written.write(file.content)


def task_dir_mounts(spec: RunSpec) -> list[Mount]:
    """Return the mounts of a run that are under ``task_dir``."""
    return [mount for mount in spec.mounts if mount.source is not MountSource.DATABASE]


def result_file_size(folder: Path, name: str) -> int:
    """Return the size of the file ``name`` in a run's folder, in bytes. Raises StorageError."""
    return read_output(folder, name, 0, 0)[1]


def read_result_file(folder: Path, name: str, limit: int) -> bytes:
    """Read a run's result file.

    Args:
        folder: the run's folder.
        name: name of the file in the folder.
        limit: maximum size of the file, in bytes.

    Raises:
        StorageError: the file is missing, is not a regular file, or is larger than ``limit``.
    """
    content, size = read_output(folder, name, 0, limit)
    if size > limit:
        raise StorageError(f"the result has {size} bytes; at most {limit} are sent")
    return content


def digest_result_file(folder: Path, name: str, limit: int) -> tuple[int, str | None]:
    """Return size and SHA-256 of the file ``name`` in a run's folder.

    The SHA-256 is None for a file larger than ``limit`` bytes: an algorithm may leave a file that
    takes hours to read. Raises StorageError.
    """
    digest, offset, size = hashlib.sha256(), 0, result_file_size(folder, name)
    if size > limit:
        return size, None
    while offset < size:
        part, size = read_output(folder, name, offset, _PART_BYTES)
        if not part:
            break
        digest.update(part)
        offset += len(part)
    return offset, digest.hexdigest()


def read_output(folder: Path, path: str, offset: int, limit: int) -> tuple[bytes, int]:
    """Read a part of a regular file that an algorithm has written, following no link.

    Args:
        folder: the run's output folder.
        path: path of the file relative to the folder, as ``list_output`` returns it.
        offset: where to start, in bytes.
        limit: how much to read at most, in bytes.

    Returns:
        the bytes, and the size of the file.

    Raises:
        StorageError: the folder has no regular file with this path.
    """
    *folders, name = path.split("/")
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be read ({error.strerror})") from error
    try:
        for part in folders:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            descriptor = _step(descriptor, part, flags)
        # O_NONBLOCK: opening a named pipe that an algorithm has made would block for ever.
        descriptor = _step(descriptor, name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise StorageError("path: is no regular file")
        return os.pread(descriptor, limit, offset), status.st_size
    except OSError as error:
        raise StorageError(f"path: cannot be read ({error.strerror})") from error
    except ValueError as error:  # for example "\0", or half a surrogate pair
        raise StorageError("path: is none that a file can have") from error
    finally:
        os.close(descriptor)


def _step(folder: int, name: str, flags: int) -> int:
    if name in {"", ".", ".."}:
        raise StorageError("path: must name a file below the output folder")
    found = os.open(name, flags, dir_fd=folder)
    os.close(folder)
    return found
