"""Questions about runs while the node works: list runs, read logs, results and output.

The engine's book answers for runs that are not over, the disk for all others. The threads of the
server's adapter call this module, which changes no run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import structlog

from node_poc.engine.adoption import run_of_record
from node_poc.engine.messages import Message, Snapshot
from node_poc.runs.model import RunResult, RunSpec, Stage
from node_poc.runs.ports import (
    LogPart,
    NoSuchRunError,
    OutputPart,
    QueryError,
    RunSummary,
)
from node_poc.storage.folders import read_output, read_result_file, result_file_size
from node_poc.storage.past import PastRecords
from node_poc.storage.records import Records, StorageError
from node_poc.storage.run_log import RunLogReader

log = structlog.get_logger(__name__)

ENGINE_SECONDS = 20.0
_LISTED_RUNS = 200
_LOG_PART = 256 * 1024
_OUTPUT_PART = 512 * 1024

_Told = TypeVar("_Told")


class RunQueries:
    """Lists runs, and reads their logs, outputs and results. Thread-safe."""

    def __init__(
        self, post: Callable[[Message], None], records: Records, past: PastRecords
    ) -> None:
        """``post`` hands a message to the engine."""
        self._post = post
        self._records = records
        self._past = past

    def list_runs(self) -> list[RunSummary]:
        """Return all runs that are not over, and ``_LISTED_RUNS`` past runs, newest first.

        Raises QueryError.
        """
        going = {summary.run.run_id: summary for summary in self._snapshot()}
        try:
            newest = self._records.newest_runs(_LISTED_RUNS)
        except StorageError as error:
            log.warning("runs not listed", error=str(error))
            raise QueryError(
                "the runs cannot be listed at the data station; ask its operator to look at the "
                "node's log"
            ) from error
        return list(self._summaries(sorted({*going, *newest}, reverse=True), going))

    def status(self, run_id: int) -> RunSummary:
        """Return the state of one run. Raises QueryError."""
        going = {summary.run.run_id: summary for summary in self._snapshot(run_id)}
        for summary in self._summaries([run_id], going):
            return summary
        raise self._not_there(run_id)

    def _snapshot(self, run_id: int | None = None) -> list[RunSummary]:
        asked = Snapshot(Future(), run_id)
        self._post(asked)
        return asked.summaries.result(ENGINE_SECONDS)

    def _summaries(self, ids: list[int], going: dict[int, RunSummary]) -> Iterator[RunSummary]:
        for run_id in ids:
            if known := going.get(run_id):
                yield known
                continue
            try:
                record = self._records.read_run(run_id)
                result = self._records.read_result(run_id)
            except StorageError as error:
                log.warning("run not listed", run_id=run_id, error=str(error))
                continue
            if record is not None:
                delivered = result is not None and not self._records.is_open(run_id)
                run = run_of_record(record, result)
                yield RunSummary(run, record.spec.image, None, delivered=delivered)

    def open_runs(self) -> list[RunSummary]:
        """Return all runs whose result the server does not have, oldest first."""
        return sorted(self._snapshot(), key=lambda summary: summary.run.run_id)

    def read_log(self, run_id: int, offset: int) -> LogPart:
        """Return the next part of a run's log from ``offset`` (bytes). Raises QueryError."""
        ended = self.status(run_id).run.stage is Stage.FINISHED
        try:
            reader = RunLogReader(self._records.folder(run_id))
            data, following = reader.read(offset, _LOG_PART)
        except StorageError as error:
            raise self._unreadable(run_id, error) from error
        return LogPart(data, following, ended=ended and not data, grows=not ended)

    def read_result(self, run_id: int) -> RunResult | None:
        """Return the result of a run, None before the result exists. Raises QueryError."""
        if not self._records.has_run(run_id):
            raise self._not_there(run_id)
        try:
            return self._records.read_result(run_id)
        except StorageError as error:
            raise self._unreadable(run_id, error) from error

    def read_output(self, run_id: int, path: str, offset: int) -> OutputPart:
        """Return the next part of an output file, from ``offset`` (bytes). Raises QueryError."""
        if not self._records.has_run(run_id):
            raise self._not_there(run_id)
        try:
            where = self._records.folder(run_id) / self.spec(run_id).output_folder
            data, size = read_output(where, path, offset, _OUTPUT_PART)
        except StorageError as error:
            raise self._unreadable(run_id, error) from error
        return OutputPart(data, offset + len(data), size)

    def origin(self, run_id: int) -> dict[str, str]:
        """Return the run's ``RunSpec.origin``, even without a run folder. Raises QueryError."""
        if not self._records.has_run(run_id) and (gone := self._past.find_gone(run_id)):
            return gone.origin
        return dict(self.spec(run_id).origin)

    def knows(self, run_id: int) -> bool:
        """Whether the node still has any record of a run with this id."""
        return self._records.has_run(run_id) or self._past.find_gone(run_id) is not None

    def result_file_size(self, run_id: int) -> int:
        """Return the size of ``RunSpec.result_file`` in bytes. Raises QueryError."""
        return self._of_result_file(run_id, result_file_size)

    def read_result_file(self, run_id: int, limit: int) -> bytes:
        """Return the content of ``RunSpec.result_file``.

        Raises:
            QueryError: the file cannot be read, or has more than ``limit`` bytes.
        """
        return self._of_result_file(
            run_id, lambda folder, name: read_result_file(folder, name, limit)
        )

    def _of_result_file(self, run_id: int, ask: Callable[[Path, str], _Told]) -> _Told:
        try:
            name = self.spec(run_id).result_file
            if name is None:
                raise QueryError(f"run {run_id} leaves no single result")
            return ask(self._records.folder(run_id), name)
        except StorageError as error:
            raise self._unreadable(run_id, error) from error

    def spec(self, run_id: int) -> RunSpec:
        """Return the run's specification, as the server requested the run. Raises QueryError."""
        try:
            record = self._records.read_run(run_id)
        except StorageError as error:
            raise self._unreadable(run_id, error) from error
        if record is None:
            raise self._not_there(run_id)
        return record.spec

    def _not_there(self, run_id: int) -> QueryError:
        gone = self._past.find_gone(run_id)
        return QueryError(self._past.explain_gone(gone)) if gone else NoSuchRunError(run_id)

    def _unreadable(self, run_id: int, error: StorageError) -> QueryError:
        """Log the error with its path, and return an error that names no path of the site."""
        log.warning("not readable", run_id=run_id, error=str(error))
        return QueryError("this cannot be read at the data station; check the name")
