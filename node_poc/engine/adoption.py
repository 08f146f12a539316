"""Adopts the runs of a former process of this node from the disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import structlog

from node_poc.runs.model import Run, RunResult, Stage
from node_poc.storage.records import Records, RunRecord, StorageError

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Adopted:
    """One run that is not over, with its result if the run has ended already."""

    run: Run
    record: RunRecord
    result: RunResult | None


def read_open_runs(records: Records) -> Iterator[Adopted]:
    """Yield every run whose result the server does not have, in order of run ids.

    A damaged record is logged and skipped: other runs must still be adopted.
    """
    for run_id in records.open_runs():
        try:
            record = records.read_run(run_id)
            result = records.read_result(run_id)
        except StorageError as error:
            log.error("run not taken up: its record is damaged", run_id=run_id, error=str(error))  # noqa: TRY400  the text says it all
            continue
        if record is None:
            log.error("run not taken up: its folder is gone", run_id=run_id)
            continue
        yield Adopted(run_of_record(record, result), record, result)


def run_of_record(record: RunRecord, result: RunResult | None) -> Run:
    """Return the run's state as the files on disk show."""
    run = Run(
        run_id=record.spec.run_id,
        digest=record.digest,
        received_at=record.received_at,
        job_created_at=record.job_created_at,
        kill_requested=record.kill_requested,
        stage=Stage.CREATED if record.job_created_at is not None else Stage.QUEUED,
    )
    if result is None:
        return run
    return replace(
        run,
        stage=Stage.FINISHED,
        status=result.status,
        started_at=result.started_at,
        ended_at=result.ended_at,
        exit_code=result.exit_code,
        failure=result.failure,
    )
