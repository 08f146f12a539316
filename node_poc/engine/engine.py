"""The engine: one thread owns every run, and receives every change of a run as a message.

ARCHITECTURE.md shows which part of the node sends which message, and what the engine then does.

The engine's thread never waits for the API or for the disk: other threads make all slow calls
(``background_calls.py``) and send the outcome back as a message. Therefore a slow, stuck or broken
run delays no other run. The disk has one thread, so writes happen in the order of their requests.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, replace
from typing import assert_never

import structlog

from node_poc.cluster.observations import observe_job, observe_pod
from node_poc.cluster.watch import Changed, Listed
from node_poc.engine.adoption import read_open_runs
from node_poc.engine.background_calls import BackgroundCalls, Pools
from node_poc.engine.book import RunBook
from node_poc.engine.delivery import Delivery
from node_poc.engine.inbox import Closed, Inbox
from node_poc.engine.intake import Intake
from node_poc.engine.kills import Kills
from node_poc.engine.messages import (
    CallLater,
    Collected,
    Delivered,
    FoldersExpired,
    HoldChanged,
    ImageSettled,
    IntakeOutcome,
    JobCreated,
    JobsSeen,
    Kill,
    Message,
    OrphanFound,
    PodsSeen,
    Request,
    Retire,
    Snapshot,
)
from node_poc.engine.observer import Observer
from node_poc.engine.orphans import Orphans
from node_poc.engine.retention import Retention
from node_poc.engine.retirement import Retirement
from node_poc.engine.run_notes import RunNotes
from node_poc.engine.starts import Starts
from node_poc.engine.timers import Timers
from node_poc.observe.run_changes import log_change
from node_poc.runs.holds import Hold
from node_poc.runs.model import Stage
from node_poc.runs.observed import (
    DiskLimitExceeded,
    EventsSeen,
    ImageDelayed,
    JobObservation,
    PodObservation,
    StartPutOff,
    StartRefused,
)
from node_poc.runs.ports import Submission
from node_poc.runs.status import RunStatus
from node_poc.storage.records import Records, RunRecord

log = structlog.get_logger(__name__)

_TICK_SECONDS = 1.0
_IDLE_SECONDS = 20.0  # while no run waits for anything: wake up only to renew ``beat``
# The most time that the disk's thread has at shutdown for its last writes, mostly none.
_WRITE_SECONDS = 1.0


@dataclass(frozen=True)
class EngineParts:
    """The parts of one engine, made and connected by ``assembly.make_engine``."""

    inbox: Inbox
    delivery: Delivery
    records: Records
    book: RunBook
    pools: Pools
    calls: BackgroundCalls
    timers: Timers
    starts: Starts
    observer: Observer
    orphans: Orphans
    retention: Retention
    intake: Intake
    kills: Kills
    retirement: Retirement
    notes: RunNotes


class Engine:
    """Owns all runs. Other threads reach the engine only through its inbox."""

    def __init__(self, parts: EngineParts) -> None:
        """Create a stopped engine; the folders of ``parts.records`` must exist already."""
        self._inbox = parts.inbox
        self._delivery = parts.delivery
        self._records = parts.records
        self._book = parts.book
        self._pools = parts.pools
        self._calls = parts.calls
        self._timers = parts.timers
        self._starts = parts.starts
        self._observer = parts.observer
        self._orphans = parts.orphans
        self._retention = parts.retention
        self._intake = parts.intake
        self._kills = parts.kills
        self._retirement = parts.retirement
        self._notes = parts.notes
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._jobs_listed = False
        self._ticked_at = 0.0
        self.beat = time.monotonic()

    @property
    def knows_the_cluster(self) -> bool:
        """Whether the engine has received a list of this node's Jobs since its start."""
        return self._jobs_listed

    def start(self) -> None:
        """Adopt the runs of a former process of the node, then start the engine's thread."""
        self._retention.write_missing_notes()
        for adopted in sorted(read_open_runs(self._records), key=lambda a: a.run.received_at):
            run = adopted.run
            self._book.add(run, adopted.record)
            if run.job_created_at is not None or run.kill_requested:
                self._book.note_job(run.run_id, float("-inf"))
            if adopted.result is not None:
                self._delivery.put_result(adopted.result)
            log.info("run taken up", run_id=run.run_id, stage=run.stage)
        self._thread.start()

    def stop(self, within_seconds: float) -> None:
        """Handle no more messages and start no more calls; finish the disk's pending writes."""
        self._inbox.close()
        self._thread.join(within_seconds)
        self._pools.stop_calls()
        with contextlib.suppress(TimeoutError):
            self._pools.disk.ask(time.monotonic).result(_WRITE_SECONDS)
        self._pools.disk.stop()

    def _serve(self) -> None:
        while True:
            self.beat = time.monotonic()
            longest = _TICK_SECONDS if self._observer.has_waiting_runs else _IDLE_SECONDS
            message = self._inbox.take(self._timers.wait_seconds(longest))
            if isinstance(message, Closed):
                return
            try:
                if message is not None:
                    self._handle(message)
                self._on_time()
            except Exception:  # a bad message must end neither the node nor any other run
                log.exception("message not handled", kind=type(message).__name__)

    def _on_time(self) -> None:
        self._timers.run_due()
        now = time.monotonic()
        if self._observer.has_waiting_runs and now - self._ticked_at >= _TICK_SECONDS:
            self._ticked_at = now
            self._observer.tick()

    def _handle(self, message: Message) -> None:
        match message:
            case PodsSeen():
                self._on_pods(message)
            case JobsSeen():
                self._on_jobs(message)
            case StartPutOff():
                self._observer.observe(message)
                self._starts.put_off(message)
            case StartRefused() | ImageDelayed() | PodObservation() | EventsSeen():
                self._observer.observe(message)
            case DiskLimitExceeded():
                self._observer.observe(message)
            case HoldChanged():
                self._on_hold(message)
            case ImageSettled() | JobCreated() | Collected() | Delivered():
                self._handle_step(message)
            case _:
                self._handle_request(message)

    def _handle_step(self, step: ImageSettled | JobCreated | Collected | Delivered) -> None:
        match step:
            case ImageSettled():
                self._on_image_settled(step)
            case JobCreated():
                self._on_job_created(step)
            case Collected():
                self._on_collected(step)
            case Delivered():
                self._on_delivered(step)

    def _handle_request(self, request: Request) -> None:
        match request:
            case Submission():
                self._intake.answer(request)
            case IntakeOutcome():
                self._intake.enter(request)
                self._starts.start_next()
            case Kill():
                self._kills.handle(request, self._intake.pending_ids)
            case Retire():
                self._retirement.handle(request)
            case Snapshot():
                request.summaries.set_result(self._book.summaries(request.run_id))
            case FoldersExpired():
                self._pools.disk.submit(self._retention.remove_expired, request)
            case OrphanFound():
                self._orphans.on_orphan_found(request)
            case CallLater():
                self._timers.call_later(request.seconds, request.action)
            case _:
                assert_never(request)

    def _on_hold(self, seen: HoldChanged) -> None:
        self._notes.held(seen.hold, seen.failure)
        is_open = seen.hold in {Hold.WALLS, Hold.SELF_TEST} and seen.failure is not None
        if is_open and (going := self._book.in_flight_ids()):
            log.warning("runs go on while the walls around them are not right", run_ids=going)
        for run in self._book.note_hold(seen.hold, seen.failure):
            self._delivery.put_status(run)
        self._starts.start_next()

    def _on_image_settled(self, settled: ImageSettled) -> None:
        before = self._book.find(settled.run_id)
        run = self._book.note_image(settled.run_id, settled.image)
        if before is None or run is None:
            return
        if run.failure != before.failure:  # the run waits for something else now, or for nothing
            self._delivery.put_status(run)
        # A crash before this record is written loses the digest only: the Job names it as well.
        self._calls.write_record(run.run_id)
        self._starts.start_next()

    def _on_job_created(self, created: JobCreated) -> None:
        self._observer.observe(JobObservation(created.run_id, created_at=created.created_at))
        self._starts.start_next()  # a quota that admitted this Job may have room for more

    def _on_pods(self, message: PodsSeen) -> None:
        match message.update:
            case Changed(object=pod, gone=gone):
                self._observer.observe(observe_pod(pod, gone=gone, seen_at=time.time()))
            case Listed(objects=pods):
                observations = [o for o in map(observe_pod, pods) if o is not None]
                for observation in observations:
                    self._observer.observe(observation)
                present = {observation.run_id for observation in observations}
                for run in self._book.runs_without_pod(present):
                    self._observer.observe(PodObservation(run.run_id, run.pod_name, "", gone=True))

    def _on_jobs(self, message: JobsSeen) -> None:
        match message.update:
            case Changed(object=job, gone=gone):
                self._observer.observe(seen := observe_job(job, gone=gone))
                self._orphans.check_changed(seen)
                if gone:
                    self._starts.on_job_gone()
            case Listed(objects=jobs, asked_at=asked_at):
                observations = [o for o in map(observe_job, jobs) if o is not None]
                for observation in observations:
                    self._observer.observe(observation)
                    self._orphans.check_listed(observation, self._inbox.post)
                present = {observation.run_id for observation in observations}
                for run in self._book.runs_without_job(present, asked_at):
                    self._observer.observe(JobObservation(run.run_id, gone=True))
                self._jobs_listed = True
                self._starts.start_next()

    def _on_collected(self, collected: Collected) -> None:
        result = collected.result
        run = replace(self._book[result.run_id], stage=Stage.FINISHED)
        ended = replace(run, status=result.status, failure=result.failure)  # after the disk check
        self._book.update(ended)
        log_change(run, ended)
        status, code = result.status.value, result.exit_code
        log.info("run ended", run_id=result.run_id, status=status, exit=code)
        self._delivery.put_result(result)

    def _on_delivered(self, delivered: Delivered) -> None:
        if delivered.run_id not in self._book:
            return  # the server asked again for the result of a closed run
        record, status = self._book.record(delivered.run_id), self._book[delivered.run_id].status
        self._book.drop(delivered.run_id)
        self._notes.delivered(delivered.run_id)
        log.info("result delivered", run_id=delivered.run_id)
        self._pools.disk.submit(self._close, record, status)

    def _close(self, record: RunRecord, status: RunStatus) -> None:
        self._retention.close(record, status)
        self._calls.mark_job(record.spec.run_id)
