"""The engine: one thread owns every run, and receives every change of a run as a message.

ARCHITECTURE.md shows which part of the node sends which message, and what the engine then does.

The engine's thread never waits for the API or for the disk: other threads make all slow calls
(``background_calls.py``) and send the outcome back as a message. Therefore a slow, stuck or broken
run delays no other run. The disk has one thread, so writes happen in the order of their requests.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from node_poc.cluster.observations import observe_job, observe_pod
from node_poc.cluster.watch import Changed, Listed
from node_poc.concurrency.pool import DaemonPool
from node_poc.config.model import NodeConfig
from node_poc.engine.adoption import read_open_runs
from node_poc.engine.background_calls import BackgroundCalls
from node_poc.engine.book import RunBook
from node_poc.engine.delivery import Delivery
from node_poc.engine.intake import DiskIntake, Intake
from node_poc.engine.kills import Kills
from node_poc.engine.messages import (
    CallLater,
    Collected,
    Delivered,
    FoldersExpired,
    IntakeOutcome,
    JobCreated,
    JobsSeen,
    Kill,
    Message,
    OrphanFound,
    PodsSeen,
    Retire,
    ShortageChanged,
    Snapshot,
)
from node_poc.engine.orphans import Orphans
from node_poc.engine.retention import Retention
from node_poc.engine.retirement import Retirement
from node_poc.engine.run_work import RunWork
from node_poc.engine.starts import QUOTA_PAUSES, Starts
from node_poc.engine.timers import Timers
from node_poc.observe.run_changes import log_change
from node_poc.runs.lifecycle import (
    Collect,
    LookForEvents,
    LookForPod,
    RemoveJob,
    Report,
    Stop,
    decide,
)
from node_poc.runs.model import Stage
from node_poc.runs.observed import (
    DiskLimitExceeded,
    EventsSeen,
    JobObservation,
    Observation,
    PodObservation,
    StartPutOff,
    StartRefused,
    Tick,
    made_at,
)
from node_poc.runs.ports import Submission
from node_poc.runs.status import RunStatus
from node_poc.storage.past import PastRecords
from node_poc.storage.records import Records, RunRecord

log = structlog.get_logger(__name__)

_TICK_SECONDS = 1.0
_IDLE_SECONDS = 20.0  # while no run waits for anything: wake up only to renew ``beat``
# The most time that the disk's thread has at shutdown for its last writes, mostly none.
_WRITE_SECONDS = 1.0
_NOTHING = object()
_OBSERVATIONS = (StartRefused, PodObservation, EventsSeen, DiskLimitExceeded)


class Engine:
    """Owns all runs. Of its methods, only ``post`` may be called from any thread."""

    def __init__(
        self, config: NodeConfig, work: RunWork, records: Records, past: PastRecords
    ) -> None:
        """Create a stopped engine; ``records`` and ``past`` must be prepared already."""
        self._config = config
        self._work = work
        self._records = records
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._delivery: Delivery
        self._book = RunBook(config.kubernetes.runs_in_flight, QUOTA_PAUSES.pause)
        self._disk = DaemonPool("disk", 1)
        self._calls = BackgroundCalls(work, self.post, self._book, self._disk)
        self._timers = Timers()
        self._starts = Starts(self._book, self._calls, self._timers, self._observe)
        kept = config.kubernetes.keep_finished_seconds
        self._orphans = Orphans(self._book, records, self._calls, self._timers, self._disk, kept)
        retention = self._retention = Retention(self._book, records, past)
        disk_intake = DiskIntake(config, work, records, retention)
        self._kills = Kills(self._book, self._retention, self._disk, self.post, self._observe)
        self._intake = Intake(self._book, disk_intake, self._disk, self.post)
        self._retirement = Retirement(self._intake, self._calls, retention, self._disk, self.post)
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._jobs_listed = False
        self._ticked_at = 0.0
        self._ticks = True  # whether a run waits for something, as of the last look
        self.beat = time.monotonic()

    @property
    def knows_the_cluster(self) -> bool:
        """Whether the engine has received a list of this node's Jobs since its start."""
        return self._jobs_listed

    def start(self, delivery: Delivery) -> None:
        """Adopt the runs of a former process and start; ``delivery`` gets statuses and results."""
        self._delivery = self._intake.delivery = delivery
        self._retention.write_missing_notes()
        for adopted in sorted(read_open_runs(self._records), key=lambda a: a.run.received_at):
            run = adopted.run
            self._book.add(run, adopted.record)
            if run.job_created_at is not None or run.kill_requested:
                self._book.note_job(run.run_id, float("-inf"))
            if adopted.result is not None:
                delivery.put_result(adopted.result)
            log.info("run taken up", run_id=run.run_id, stage=run.stage)
        self._thread.start()

    def stop(self, within_seconds: float) -> None:
        """Handle no more messages and start no more calls; finish the disk's pending writes."""
        self._inbox.put(None)
        self._thread.join(within_seconds)
        self._calls.stop()
        with contextlib.suppress(TimeoutError):
            self._disk.ask(time.monotonic).result(_WRITE_SECONDS)
        self._disk.stop()

    def post(self, message: Message) -> None:
        """Hand a message to the engine."""
        self._inbox.put(message)

    def _serve(self) -> None:
        handlers: dict[type, Callable[..., None]] = {
            Submission: self._intake.answer,
            IntakeOutcome: self._on_intake_outcome,
            PodsSeen: self._on_pods,
            JobsSeen: self._on_jobs,
            JobCreated: self._starts.on_job_created,
            StartPutOff: self._starts.put_off,
            **dict.fromkeys(_OBSERVATIONS, self._observe),
            Collected: self._on_collected,
            Delivered: self._on_delivered,
            Kill: lambda kill: self._kills.handle(kill, self._intake.pending_ids),
            ShortageChanged: self._on_shortage,
            FoldersExpired: lambda expired: self._disk.submit(
                self._retention.remove_expired, expired
            ),
            OrphanFound: self._orphans.on_orphan_found,
            Retire: self._retirement.handle,
            Snapshot: lambda asked: asked.entries.set_result(self._book.entries(asked.run_id)),
            CallLater: lambda call: self._timers.call_later(call.seconds, call.action),
        }
        while True:
            self.beat = time.monotonic()
            try:
                longest = _TICK_SECONDS if self._ticks else _IDLE_SECONDS
                message: object = self._inbox.get(timeout=self._timers.wait_seconds(longest))
            except queue.Empty:
                message = _NOTHING
            if message is None:
                return
            try:
                if message is not _NOTHING:
                    handlers[type(message)](message)
                self._on_time()
            except Exception:  # a bad message must end neither the node nor any other run
                log.exception("message not handled", kind=type(message).__name__)

    def _on_time(self) -> None:
        self._timers.run_due()
        now = time.monotonic()
        if not self._ticks or now - self._ticked_at < _TICK_SECONDS:
            return
        self._ticked_at = now
        waiting = [run.run_id for run in self._book if run.is_starting or run.waiting is not None]
        self._ticks = bool(waiting)
        for run_id in waiting:
            self._observe(Tick(run_id))
        self._calls.read_events()

    def _on_intake_outcome(self, outcome: IntakeOutcome) -> None:
        self._intake.enter(outcome)
        self._starts.start_next()

    def _on_shortage(self, seen: ShortageChanged) -> None:
        for run in self._book.note_shortage(seen.shortage):
            self._delivery.put_status(run)
        self._starts.start_next()

    # --- observations

    def _on_pods(self, message: PodsSeen) -> None:
        match message.update:
            case Changed(object=pod, gone=gone):
                self._observe(observe_pod(pod, gone=gone, seen_at=time.time()))
            case Listed(objects=pods):
                observations = [o for o in map(observe_pod, pods) if o is not None]
                for observation in observations:
                    self._observe(observation)
                present = {observation.run_id for observation in observations}
                for run in self._book.runs_without_pod(present):
                    self._observe(PodObservation(run.run_id, run.pod_name, "", gone=True))

    def _on_jobs(self, message: JobsSeen) -> None:
        match message.update:
            case Changed(object=job, gone=gone):
                self._observe(seen := observe_job(job, gone=gone))
                self._orphans.check_changed(seen)
                if gone:
                    self._starts.on_job_gone()
            case Listed(objects=jobs, asked_at=asked_at):
                observations = [o for o in map(observe_job, jobs) if o is not None]
                for observation in observations:
                    self._observe(observation)
                    self._orphans.check_listed(observation, self.post)
                present = {observation.run_id for observation in observations}
                for run in self._book.runs_without_job(present, asked_at):
                    self._observe(JobObservation(run.run_id, gone=True))
                self._jobs_listed = True
                self._starts.start_next()

    def _observe(self, observation: Observation | None) -> None:
        if observation is None or not self._book.is_about_run(observation):
            return
        self._note_job(observation)
        run = self._book[observation.run_id]
        limits = self._config.kubernetes.limits
        changed, actions = decide(run, observation, time.monotonic(), limits)
        self._book.update(changed)
        self._ticks = self._ticks or changed.is_starting or changed.waiting is not None
        log_change(run, changed)
        for action in actions:
            match action:
                case Report():
                    self._delivery.put_status(changed)
                    if changed.status is RunStatus.ACTIVE:
                        self._work.watch_container(changed)
                case Stop():
                    self._book.note_kill(run.run_id)
                    self._calls.kill(run.run_id)
                case RemoveJob():
                    self._calls.remove_job(run.run_id)
                case LookForPod():
                    self._calls.look_for_pod(changed)
                case LookForEvents():
                    self._calls.request_events(changed)
                case Collect(remove_job=remove_job):
                    self._calls.collect(changed, remove_job=remove_job)
                    self._starts.start_next()

    def _note_job(self, seen: Observation) -> None:
        """Record that the run's Job exists: the Job is never created again, even if deleted."""
        if not isinstance(seen, JobObservation | PodObservation) or seen.gone:
            return
        if not self._book.knows_job(seen.run_id):
            self._book.note_job(seen.run_id, time.monotonic(), made_at(seen, time.time()))
            self._calls.write_record(seen.run_id)

    def _on_collected(self, collected: Collected) -> None:
        result = collected.result
        run = replace(self._book[result.run_id], stage=Stage.FINISHED)
        ended = replace(run, status=result.status, failure=result.failure)  # after the disk check
        self._book.update(ended)
        log_change(run, ended)
        log.info(
            "run ended", run_id=result.run_id, status=result.status.value, exit=result.exit_code
        )
        self._delivery.put_result(result)

    def _on_delivered(self, delivered: Delivered) -> None:
        if delivered.run_id not in self._book:
            return  # the server asked again for the result of a closed run
        record, status = self._book.record(delivered.run_id), self._book[delivered.run_id].status
        self._book.drop(delivered.run_id)
        log.info("result delivered", run_id=delivered.run_id)
        self._disk.submit(self._close, record, status)

    def _close(self, record: RunRecord, status: RunStatus) -> None:
        self._retention.close(record, status)
        self._calls.mark_job(record.spec.run_id)
