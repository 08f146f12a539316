"""What the node must remember of a run through a restart, as files.

    <task_dir>/<run_id>/run.json      the request and when it came: written before it is accepted
    <task_dir>/<run_id>/result.json   the result: written before it is sent
    <task_dir>/.node/open/<run_id>    empty; there while the server has not acknowledged the result

A file is written beside its place, flushed to the disk and renamed, so a crash leaves the old one
or the new one. Algorithms never see these files: their pods mount other parts of the folder.
"""

from __future__ import annotations

import heapq
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node_poc.runs.model import RunResult, RunSpec


class StorageError(Exception):
    """Something under ``task_dir`` could not be written or read. The text names path and cause."""


@dataclass(frozen=True)
class RunRecord:
    """One remembered run. ``job_created_at``: seconds since the epoch, None before the Job is.

    ``owner``: who asked for it, for whom it takes its turn in the line.
    """

    spec: RunSpec
    digest: str
    received_at: float
    job_created_at: float | None = None
    kill_requested: bool = False
    owner: str = ""


def _closed_folder_above(path: Path) -> Path | None:
    """The first folder on the way to a path that this process may not enter."""
    for folder in reversed(path.parents):
        if folder.is_dir() and not os.access(folder, os.X_OK):
            return folder
    return None


class Records:
    """Reads and writes the records below one ``task_dir``."""

    def __init__(self, task_dir: Path) -> None:
        """``task_dir`` must exist and be writable; see ``prepare``."""
        self._root = task_dir
        self._open = task_dir / ".node" / "open"

    def prepare(self) -> None:
        """Make the node's own folders. Raises StorageError if ``task_dir`` is not usable."""
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
        """The run's own folder."""
        return self._root / str(run_id)

    def write_run(self, record: RunRecord) -> None:
        """Remember a run and owe its result; its folder must exist. Raises StorageError."""
        self.update_run(record)
        try:
            (self._open / str(record.spec.run_id)).touch(mode=0o600)
        except OSError as error:
            raise StorageError(f"{self._open}: {error.strerror}") from error

    def update_run(self, record: RunRecord) -> None:
        """Write a remembered run anew; whether its result is owed stays. Raises StorageError."""
        data = {
            "spec": record.spec.to_json(),
            "digest": record.digest,
            "received_at": record.received_at,
            "job_created_at": record.job_created_at,
            "kill_requested": record.kill_requested,
            "owner": record.owner,
        }
        _write_json(self.folder(record.spec.run_id) / "run.json", data)

    def read_run(self, run_id: int) -> RunRecord | None:
        """The record of a run; None if there is none. Raises StorageError if it is damaged."""
        data = _read_json(self.folder(run_id) / "run.json")
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
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(f"{self.folder(run_id)}/run.json: is damaged ({error!r})") from error

    def write_result(self, result: RunResult) -> None:
        """Make a result safe before it is sent. Raises StorageError."""
        _write_json(self.folder(result.run_id) / "result.json", result.to_json())

    def read_result(self, run_id: int) -> RunResult | None:
        """The result of a run; None if there is none. Raises StorageError if it is damaged."""
        data = _read_json(self.folder(run_id) / "result.json")
        if data is None:
            return None
        try:
            return RunResult.from_json(data)
        except (KeyError, TypeError, ValueError) as error:
            path = self.folder(run_id) / "result.json"
            raise StorageError(f"{path}: is damaged ({error!r})") from error

    def has_run(self, run_id: int) -> bool:
        """Whether this run was ever accepted here and its folder is still there."""
        return (self.folder(run_id) / "run.json").exists()

    def is_open(self, run_id: int) -> bool:
        """Whether the run's result is still owed to the server."""
        return (self._open / str(run_id)).exists()

    def close_run(self, run_id: int) -> None:
        """The server has acknowledged the result; it is never sent again by itself.

        Raises StorageError.
        """
        try:
            (self._open / str(run_id)).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{self._open}: {error.strerror}") from error

    def newest_runs(self, limit: int) -> list[int]:
        """Ids of the newest runs that have a folder, newest first by id."""
        with os.scandir(self._root) as entries:
            names = (entry.name for entry in entries)
            ids = (int(name) for name in names if name.isascii() and name.isdigit())
            return heapq.nlargest(limit, ids)

    def ended_runs(self) -> Iterator[int]:
        """Ids of all runs that have a result, in no order, one by one. Raises StorageError."""
        try:
            with os.scandir(self._root) as entries:
                for entry in entries:
                    name = entry.name
                    is_run = name.isascii() and name.isdigit()
                    if is_run and (self._root / name / "result.json").exists():
                        yield int(name)
        except OSError as error:
            raise StorageError(f"{self._root}: {error.strerror}") from error

    def open_runs(self) -> list[int]:
        """Ids of all runs whose result is still owed, in ascending order."""
        with os.scandir(self._open) as entries:
            names = [entry.name for entry in entries]
        return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def _write_json(path: Path, data: dict[str, Any]) -> None:
    fresh = path.with_name(f".{path.name}.new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror})") from error


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StorageError(f"{path}: cannot be read ({error})") from error
    if not isinstance(data, dict):
        raise StorageError(f"{path}: is damaged (a {type(data).__name__}, not an object)")
    return data
