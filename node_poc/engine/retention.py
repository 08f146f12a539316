"""Runs that are over: notes about them, and the removal of their folders."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from node_poc.engine.book import RunBook
from node_poc.engine.messages import FoldersExpired
from node_poc.runs.admission import NotAllowedError
from node_poc.runs.ports import KillOutcome
from node_poc.runs.status import RunStatus
from node_poc.storage.past import PastRecords, PastRun
from node_poc.storage.records import Records, RunRecord, StorageError

log = structlog.get_logger(__name__)


class Retention:
    """Keeps notes of past runs and removes their folders.

    Only the disk's thread may use this class, as with ``intake.DiskIntake``: no folder is removed
    while the run is being taken in again.
    """

    def __init__(self, book: RunBook, records: Records, past: PastRecords) -> None:
        """All arguments belong to the engine; ``past`` must be prepared already."""
        self._book = book
        self._records = records
        self._past = past

    def write_missing_notes(self) -> None:
        """Write the notes missing after a crash or an older node. Must be the first call."""
        open_runs = set(self._records.open_runs())
        for run_id in open_runs:
            self._note_volumes(run_id)
        for run_id in self._past.unnoted(open_runs):
            try:
                if self._past.find_gone(run_id) is not None:
                    self._past.discard_run(run_id)
                elif (result := self._records.read_result(run_id)) is not None:
                    self._note_volumes(run_id)
                    self._note_end(self._records.read_run(run_id), result.status)
                elif self._past.is_old(run_id):  # the run was never accepted
                    self._past.discard_run(run_id)
            except StorageError as error:
                log.warning("folder of a past run left alone", run_id=run_id, error=str(error))
        self._past.drop_stale_users()

    def _note_volumes(self, run_id: int) -> None:
        try:
            record = self._records.read_run(run_id)
            for name in record.spec.volumes if record is not None else ():
                self._past.use_volume(name, run_id)
        except StorageError as error:
            log.warning("shared folders not noted", run_id=run_id, error=str(error))

    def close(self, record: RunRecord, status: RunStatus) -> None:
        """Note that the server has a run's result; the keep time of its folder starts now."""
        run_id = record.spec.run_id
        try:
            self._note_end(record, status)
        except StorageError as error:
            # The node's next start finds the run without a note, and writes the note.
            log.warning("end of a run not noted", run_id=run_id, error=str(error))
        try:
            self._records.close_run(run_id)
        except StorageError as error:  # the next start sends the result once more
            log.warning("run not closed", run_id=run_id, error=str(error))

    def _note_end(self, record: RunRecord | None, status: RunStatus) -> None:
        if record is not None:
            spec = record.spec
            past = PastRun(
                spec.run_id, record.digest, status.value, spec.volumes, dict(spec.origin)
            )
            self._past.close(past)

    def check_not_gone(self, run_id: int, digest: str) -> None:
        """Refuse a past run whose folder was removed, because no run may run twice.

        Raises:
            NotAllowedError: the node still has the note of a removed run with this id.
        """
        gone = self._past.find_gone(run_id)
        if gone is None:
            return
        if gone.digest not in {"", digest}:
            raise NotAllowedError(
                f"run_id: run {run_id} was known here with another content; use a new run_id, or "
                "for a new server a new task_dir",
                RunStatus.FAILED,
            )
        explanation = self._past.explain_gone(gone)
        reason = f"run_id: {explanation}; use a new run_id to run it again"
        raise NotAllowedError(reason, RunStatus.FAILED)

    def forget(self, run_id: int) -> bool:
        """Forget a run that is over, because its id now belongs to another run.

        Returns:
            True if the run is forgotten; False if the run is not over, or the disk failed.
        """
        if run_id in self._book or self._records.is_open(run_id):
            return False
        try:
            self._past.forget(run_id)
        except StorageError as error:
            log.warning("a former run not forgotten", run_id=run_id, error=str(error))
            return False
        return True

    def find_outcome(self, run_id: int) -> KillOutcome:
        """Return the outcome of a request to kill a run that is not in the book."""
        try:
            result = self._records.read_result(run_id)
        except StorageError as error:
            log.warning("result not readable", run_id=run_id, error=str(error))
            result = None
        if result is not None:
            return KillOutcome(run_id, "already ended", result.status)
        gone = self._past.find_gone(run_id)
        if gone is not None:
            return KillOutcome(run_id, "already ended", gone.status)
        return KillOutcome(run_id, "unknown", "")

    def remove_expired(self, expired: FoldersExpired) -> None:
        """Move the folders found by the janitor to the trash, if they are still due."""
        try:
            runs = [run_id for run_id in expired.run_ids if self._discard_run(run_id)]
            volumes = [name for name in expired.volumes if self._discard_volume(name)]
        finally:
            expired.done.set_result(None)
        _log_removed("run folders removed: their time is over", runs)
        _log_removed("shared folders removed: no run uses them", volumes)

    def _discard_run(self, run_id: int) -> bool:
        if run_id in self._book or self._records.is_open(run_id):
            return False
        if not self._past.is_closed(run_id):
            return False
        self._complete_note(run_id)
        try:
            self._past.discard_run(run_id)
        except StorageError as error:
            log.warning("run folder not removed", run_id=run_id, error=str(error))
            return False
        return True

    def _complete_note(self, run_id: int) -> None:
        """Copy the origin from the run's record, which goes now; an older node noted none."""
        try:
            record = self._records.read_run(run_id) if self._past.lacks_origin(run_id) else None
            if record is not None and record.spec.origin:
                self._past.add_origin(run_id, dict(record.spec.origin))
        except StorageError as error:
            log.warning("origin of a past run not noted", run_id=run_id, error=str(error))

    def _discard_volume(self, name: str) -> bool:
        try:
            return self._past.discard_volume(name)
        except StorageError as error:
            log.warning("shared folder not removed", volume=name, error=str(error))
            return False


def _log_removed(what: str, removed: Iterable[object]) -> None:
    if run_ids := list(removed):
        log.info(what, count=len(run_ids), which=run_ids[:20])
