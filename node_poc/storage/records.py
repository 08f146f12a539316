"""Records of runs as files, which the node needs after a restart.

    <task_dir>/<run_id>/run.json      run and arrival time: written before the node accepts the run
    <task_dir>/<run_id>/result.json   the result: written before the node sends the result
    <task_dir>/.node/open/<run_id>    empty; exists while the run is open: until the server has
                                      acknowledged the result

The node writes a file beside its place, flushes it to the disk and renames it: a crash leaves the
old file or the new file. Algorithms never see these files: their pods mount other parts of the
run's folder.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node_poc.runs.digits import is_number
from node_poc.runs.model import RunResult, RunSpec


class StorageError(Exception):
    """A file under ``task_dir`` cannot be written or read. The text names the path and cause."""


@dataclass(frozen=True)
class RunRecord:
    """The record of one run.

    Attributes:
        spec: the run.
        digest: checksum of ``spec``.
        received_at: when the node got the run, in seconds since the epoch.
        job_created_at: when the Job was created, in seconds since the epoch; None before.
        kill_requested: whether the server has asked to kill the run.
        owner: who asked for the run; in the queue, owners take turns.
        image_digest: ``sha256:...`` of the image that runs; None before the node knows, and if the
            node could not ask the registry.
        signed_by: names of the keys that signed the image, with commas; None if none was required.
    """

    spec: RunSpec
    digest: str
    received_at: float
    job_created_at: float | None = None
    kill_requested: bool = False
    owner: str = ""
    image_digest: str | None = None
    signed_by: str | None = None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _closed_folder_above(path: Path) -> Path | None:
    """Return the topmost folder above a path that this process may not enter; None if none."""
    for folder in reversed(path.parents):
        if folder.is_dir() and not os.access(folder, os.X_OK):
            return folder
    return None


def is_run_id(name: str) -> bool:
    """Return whether the name of a file or folder is a run id."""
    return is_number(name)


class Records:
    """Reads and writes the records below one ``task_dir``."""

    def __init__(self, task_dir: Path) -> None:
        """``task_dir`` must exist and be writable; see ``prepare``."""
        self._root = task_dir
        self._open = task_dir / ".node" / "open"

    def prepare(self) -> None:
        """Create the node's own folders. Raises StorageError if ``task_dir`` is not usable."""
        if closed := _closed_folder_above(self._root):
            raise StorageError(
                f"task_dir {self._root}: user {os.getuid()} may not enter the folder {closed} that "
                f"it lies in; `chmod o+x {closed}`, or give the user that folder"
            )
        if not self._root.is_dir():
            raise StorageError(
                f"task_dir {self._root}: is not a folder here; create it, and mount it into the "
                "node's pod at the same path"
            )
        try:
            self._open.mkdir(parents=True, exist_ok=True)
            self._open.parent.chmod(0o700)
        except OSError as error:
            raise StorageError(
                f"task_dir {self._root}: user {os.getuid()} cannot write there "
                f"({error.strerror}); make it the owner of the folder"
            ) from error

    def folder(self, run_id: int) -> Path:
        """Return the run's own folder."""
        return self._root / str(run_id)

    def write_run(self, record: RunRecord) -> None:
        """Record a run as open, in its folder, which must exist. Raises StorageError."""
        self.update_run(record)
        try:
            (self._open / str(record.spec.run_id)).touch(mode=0o600)
        except OSError as error:
            raise StorageError(f"{self._open}: {error.strerror}") from error

    def update_run(self, record: RunRecord) -> None:
        """Rewrite a run's record; do not change whether the run is open. Raises StorageError."""
        data = {
            "spec": record.spec.to_json(),
            "digest": record.digest,
            "received_at": record.received_at,
            "job_created_at": record.job_created_at,
            "kill_requested": record.kill_requested,
            "owner": record.owner,
            "image_digest": record.image_digest,
            "signed_by": record.signed_by,
        }
        write_json(self.folder(record.spec.run_id) / "run.json", data)

    def read_run(self, run_id: int) -> RunRecord | None:
        """Return a run's record; None if there is none. Raises StorageError if damaged."""
        data = read_json(self.folder(run_id) / "run.json")
        if data is None:
            return None
        try:
            return RunRecord(
                spec=RunSpec.from_json(data["spec"]),
                digest=str(data["digest"]),
                received_at=float(data["received_at"]),
                job_created_at=data["job_created_at"],
                kill_requested=bool(data.get("kill_requested", False)),
                owner=str(data.get("owner", "")),
                image_digest=_text(data.get("image_digest")),
                signed_by=_text(data.get("signed_by")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(f"{self.folder(run_id)}/run.json: is damaged ({error!r})") from error

    def write_result(self, result: RunResult) -> None:
        """Write a result to the disk, before the node sends the result. Raises StorageError."""
        write_json(self.folder(result.run_id) / "result.json", result.to_json())

    def read_result(self, run_id: int) -> RunResult | None:
        """Return a run's result; None if there is none. Raises StorageError if damaged."""
        data = read_json(self.folder(run_id) / "result.json")
        if data is None:
            return None
        try:
            return RunResult.from_json(data)
        except (KeyError, TypeError, ValueError) as error:
            path = self.folder(run_id) / "result.json"
            raise StorageError(f"{path}: is damaged ({error!r})") from error

    def has_run(self, run_id: int) -> bool:
        """Return whether the node has accepted the run and the run's folder still exists."""
        return (self.folder(run_id) / "run.json").exists()

    def is_open(self, run_id: int) -> bool:
        """Return whether the run is open: the server has not acknowledged its result."""
        return (self._open / str(run_id)).exists()

    def close_run(self, run_id: int) -> None:
        """Close a run after the server has acknowledged its result. Raises StorageError.

        The node does not send the result again on its own.
        """
        try:
            (self._open / str(run_id)).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{self._open}: {error.strerror}") from error

    def newest_runs(self, limit: int) -> list[int]:
        """Return at most ``limit`` ids of runs with a folder, highest (newest) id first.

        Raises StorageError.
        """
        with _listing("task_dir", self._root) as entries:
            names = (entry.name for entry in entries)
            ids = (int(name) for name in names if is_run_id(name))
            return heapq.nlargest(limit, ids)

    def ended_runs(self) -> Iterator[int]:
        """Yield the ids of all runs with a result, in no order. Raises StorageError."""
        with _listing("task_dir", self._root) as entries:
            for entry in entries:
                name = entry.name
                # os.path: a folder that is closed to the node has none, as far as it can see
                if is_run_id(name) and os.path.exists(self._root / name / "result.json"):  # noqa: PTH110
                    yield int(name)

    def open_runs(self) -> list[int]:
        """Return the ids of all open runs, in ascending order. Raises StorageError."""
        with _listing("the folder of open runs", self._open) as entries:
            names = [entry.name for entry in entries]
        return sorted(int(name) for name in names if is_run_id(name))


@contextlib.contextmanager
def _listing(kind: str, path: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    """Yield the entries of one of the node's folders. Raises StorageError."""
    try:
        with os.scandir(path) as entries:
            yield entries
    except OSError as error:
        raise StorageError(
            f"{kind} {path}: cannot be listed ({error.strerror}); check that the disk is mounted, "
            f"and that the folder is there and belongs to user {os.getuid()}"
        ) from error


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write a file as a whole: a crash leaves the old file or the new. Raises StorageError."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror})") from error


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a file's JSON object; None without the file. Raises StorageError if damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StorageError(f"{path}: cannot be read ({error})") from error
    if not isinstance(data, dict):
        raise StorageError(f"{path}: is damaged (a {type(data).__name__}, not an object)")
    return data
