"""Whether a run that is asked for is taken: new, known, over, long gone, or not allowed."""

from __future__ import annotations

import structlog

from node_poc.book import RunBook
from node_poc.config.model import NodeConfig
from node_poc.delivery import Delivery
from node_poc.past_runs import PastRuns
from node_poc.protocol.ports import Answer, Submission
from node_poc.run_work import RunWork
from node_poc.runs.admission import NotAllowedError, check_admission
from node_poc.runs.model import Run, Stage
from node_poc.storage.records import Records, RunRecord, StorageError

log = structlog.get_logger(__name__)

_NO_DISK = (
    "the data station cannot write the run's files; ask the site to look at its disk, then post "
    "the run again"
)


class Intake:
    """Used by the engine's thread only."""

    def __init__(
        self,
        config: NodeConfig,
        book: RunBook,
        work: RunWork,
        records: Records,
        past: PastRuns,
    ) -> None:
        """All are the engine's."""
        self._config = config
        self._book = book
        self._work = work
        self._records = records
        self._past = past
        self.outbox: Delivery

    def answer(self, submission: Submission) -> None:
        """Take the run or refuse it, and set the answer."""
        try:
            submission.answer.set_result(self._admit(submission))
        except NotAllowedError as error:
            submission.answer.set_result(Answer(accepted=False, reason=str(error)))
        except StorageError as error:  # it names a path of the data station: for its log only
            log.warning("run not taken", run_id=submission.spec.run_id, error=str(error))
            submission.answer.set_result(Answer(accepted=False, reason=_NO_DISK))
        except Exception:
            reason = "the node failed on this command; its log tells more"
            submission.answer.set_result(Answer(accepted=False, reason=reason))
            raise

    def _admit(self, submission: Submission) -> Answer:
        spec = submission.spec
        record = self._known(spec.run_id)
        digest = spec.digest()
        if record is not None:
            return self._admit_again(record, digest)
        self._past.check_not_gone(spec.run_id, digest)
        check_admission(spec, self._config)
        record = RunRecord(spec, digest, submission.received_at)
        log.info("run accepted", run_id=spec.run_id, image=spec.image, databases=spec.databases)
        return self._take(record)

    def _known(self, run_id: int) -> RunRecord | None:
        record = self._book.find_record(run_id) or self._records.read_run(run_id)
        if record is None or run_id in self._book or self._records.is_open(run_id):
            return record
        # Without mark and result, a crash came before anybody was told that the run is taken. It
        # may come back with other words: a vantage6 server gives each try another token.
        return record if self._records.read_result(run_id) else None

    def _admit_again(self, record: RunRecord, digest: str) -> Answer:
        run_id = record.spec.run_id
        if record.digest != digest:
            reason = f"run_id: run {run_id} is known here with another content; use a new run_id"
            return Answer(accepted=False, reason=reason)
        if run_id in self._book:
            return Answer(accepted=True, status=self._book[run_id].status)
        result = self._records.read_result(run_id)
        if result is None:
            return self._take(record)
        log.info("a finished run is asked for again: its result is sent again", run_id=run_id)
        self.outbox.put_result(result)
        return Answer(accepted=True, status=result.status)

    def _take(self, record: RunRecord) -> Answer:
        record = self._work.prepare(record)
        run = Run(record.spec.run_id, record.digest, record.received_at, stage=Stage.QUEUED)
        run = self._book.add(run, record)
        self.outbox.put_status(run)
        return Answer(accepted=True, status=run.status)
