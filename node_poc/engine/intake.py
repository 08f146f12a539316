"""Answers requests for runs: the run is new, known, over, long gone, or not allowed.

The engine answers at once for runs that are in the book. The disk's thread looks up all others and
writes new runs to disk, one after another in the order of arrival; then a new run enters the book.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import structlog

from node_poc.concurrency.pool import DaemonPool
from node_poc.config.model import NodeConfig
from node_poc.engine.book import RunBook
from node_poc.engine.delivery import Delivery
from node_poc.engine.messages import IntakeOutcome, Message
from node_poc.engine.retention import Retention
from node_poc.engine.run_work import RunWork
from node_poc.runs.admission import NotAllowedError, check_admission
from node_poc.runs.model import Run, RunResult, Stage
from node_poc.runs.ports import Answer, Submission
from node_poc.runs.status import RunStatus
from node_poc.storage.records import Records, RunRecord, StorageError

log = structlog.get_logger(__name__)

_NO_DISK = (
    "the data station cannot write the run's files; ask the site to look at its disk, then post "
    "the run again"
)


class Intake:
    """Takes runs in: ``answer`` in the engine's thread, then the disk's thread, then ``enter``.

    Only the engine's thread may call ``answer`` and ``enter``.
    """

    def __init__(
        self,
        book: RunBook,
        disk_intake: DiskIntake,
        disk: DaemonPool,
        delivery: Delivery,
        post: Callable[[Message], None],
    ) -> None:
        """``disk`` has one thread; ``post`` hands a message to the engine."""
        self._book = book
        self._disk_intake = disk_intake
        self._disk = disk
        self._delivery = delivery
        self._post = post
        # Runs that the disk's thread looks up, and further requests for them meanwhile.
        self._at_disk: dict[int, list[Submission]] = {}

    @property
    def pending_ids(self) -> Collection[int]:
        """The ids of the runs that the disk's thread looks up or writes at the moment."""
        return self._at_disk.keys()

    def knows(self, run_id: int) -> bool:
        """Whether the run is in the book or with the disk's thread."""
        return run_id in self._at_disk or run_id in self._book

    def answer(self, submission: Submission) -> None:
        """Answer from the book, or let the disk's thread look up the run → ``IntakeOutcome``."""
        run_id = submission.spec.run_id
        if run_id in self._at_disk:
            self._at_disk[run_id].append(submission)
        elif run_id in self._book:
            known, status = self._book.record(run_id), self._book[run_id].status
            refused = _other_content(known, submission)
            submission.answer.set_result(refused or Answer(accepted=True, status=status))
        else:
            self._at_disk[run_id] = []
            self._disk.submit(self._look_up, submission)

    def _look_up(self, submission: Submission) -> None:
        self._post(IntakeOutcome(submission, self._disk_intake.take(submission)))

    def enter(self, taken: IntakeOutcome) -> None:
        """Add a new run to the book or send a past run's result, and answer all requests."""
        submission, outcome = taken.submission, taken.outcome
        others = self._at_disk.pop(submission.spec.run_id, [])
        match outcome:
            case RunRecord():
                answer = self._enter(outcome)
            case Answer():
                answer = outcome
            case result:
                self._delivery.put_result(result)
                answer = Answer(accepted=True, status=result.status)
        submission.answer.set_result(answer)
        for other in others:
            self.answer(other)

    def _enter(self, record: RunRecord) -> Answer:
        run = Run(record.spec.run_id, record.digest, record.received_at, stage=Stage.QUEUED)
        run = self._book.add(run, record)
        self._delivery.put_status(run)
        return Answer(accepted=True, status=run.status)


class DiskIntake:
    """Looks up and writes runs that are not in the book. Only for the disk's thread."""

    def __init__(
        self, config: NodeConfig, work: RunWork, records: Records, past: Retention
    ) -> None:
        """All arguments belong to the engine."""
        self._config = config
        self._work = work
        self._records = records
        self._past = past

    def take(self, submission: Submission) -> RunRecord | RunResult | Answer:
        """Write the run to disk and return its record.

        Returns:
            the run's record; its result if the run is over; a refusal if the run is not taken.
        """
        run_id = submission.spec.run_id
        try:
            return self._admit(submission)
        except NotAllowedError as error:
            return Answer(accepted=False, status=error.status, reason=str(error))
        except StorageError as error:  # the text names a path of the site: for the node's log only
            log.warning("run not taken", run_id=run_id, error=str(error))
            return Answer(accepted=False, status=RunStatus.FAILED, reason=_NO_DISK)
        except Exception:
            log.exception("run not taken", run_id=run_id)
            reason = "the node failed on this command; its log tells more"
            return Answer(accepted=False, status=RunStatus.FAILED, reason=reason)

    def _admit(self, submission: Submission) -> RunRecord | RunResult | Answer:
        spec = submission.spec
        record = self._known(spec.run_id)
        if record is not None:
            return _other_content(record, submission) or self._admit_again(record)
        digest = spec.digest()
        self._past.check_not_gone(spec.run_id, digest)
        check_admission(spec, self._config)
        record = self._work.prepare(
            RunRecord(spec, digest, submission.received_at, owner=submission.owner)
        )
        self._work.notes.taken(record)
        log.info("run accepted", run_id=spec.run_id, image=spec.image, databases=spec.databases)
        return record

    def _known(self, run_id: int) -> RunRecord | None:
        record = self._records.read_run(run_id)
        if record is None or self._records.is_open(run_id):
            return record
        # A run neither open nor with a result: the node crashed before its answer to the server.
        # The content may differ now, because a vantage6 server gives each try another token.
        return record if self._records.read_result(run_id) else None

    def _admit_again(self, record: RunRecord) -> RunRecord | RunResult:
        run_id = record.spec.run_id
        result = self._records.read_result(run_id)
        if result is None:
            return self._work.prepare(record)
        log.info("a finished run is asked for again: its result is sent again", run_id=run_id)
        return result


def _other_content(known: RunRecord, submission: Submission) -> Answer | None:
    """Return a refusal if the known run has the same id and another content; else None."""
    run_id = known.spec.run_id
    if known.digest == submission.spec.digest():
        return None
    reason = (
        f"run_id: run {run_id} is known here with another content; use a new run_id, or for a new "
        "server a new task_dir"
    )
    return Answer(accepted=False, status=RunStatus.FAILED, reason=reason)
