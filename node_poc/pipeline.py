"""The pipeline: one thread owns every run; everything that happens comes to it as a message.

    server event → Submission ─┐
    watches → PodsSeen, JobsSeen ─┤→ [inbox] → Engine → lifecycle.decide → actions
    API pool → Started, Collected ─┤                        │
    delivery → Delivered ─┘                                 ├→ API pool: make, collect, remove
                                                            └→ [outbox] → delivery → server

The engine's thread never waits: whatever takes time is handed to the pool, and comes back as a
message. So one slow, stuck or broken run delays no other.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog

from node_poc.adoption import read_open_runs
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.observations import observe_job, observe_pod
from node_poc.cluster.watch import Changed, Listed
from node_poc.config.model import NodeConfig
from node_poc.container_manager import ContainerManager, refused_by
from node_poc.delivery import Delivery
from node_poc.inbox import Again, Collected, Delivered, JobsSeen, Message, PodsSeen, Started
from node_poc.pool import ApiPool
from node_poc.protocol.ports import Answer, Submission
from node_poc.runs.admission import NotAllowedError, check_admission
from node_poc.runs.lifecycle import Collect, Report, decide
from node_poc.runs.model import (
    JobObservation,
    Observation,
    PodObservation,
    Run,
    Stage,
    StartRefused,
    Tick,
)
from node_poc.storage.records import Records, RunRecord, StorageError
from node_poc.timers import Timers

log = structlog.get_logger(__name__)

_TICK_SECONDS = 1.0
_NOTHING = object()
_AGAIN_SECONDS = 5.0


class Engine:
    """Owns all runs. ``post`` may be called from any thread; nothing else may."""

    def __init__(self, config: NodeConfig, manager: ContainerManager, records: Records) -> None:
        """``records`` must be prepared. Nothing happens before ``start``."""
        self._config = config
        self._manager = manager
        self._records = records
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._outbox: Delivery
        self._pool = ApiPool()
        self._runs: dict[int, Run] = {}
        self._remembered: dict[int, RunRecord] = {}
        self._known_since: dict[int, float] = {}
        self._timers = Timers()
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._jobs_listed = False
        self._ticked_at = 0.0
        self.beat = time.monotonic()

    @property
    def knows_the_cluster(self) -> bool:
        """Whether the Jobs of this node have been seen since the start."""
        return self._jobs_listed

    def start(self, outbox: Delivery) -> None:
        """Take up what a former process left, then work. ``outbox`` gets statuses and results."""
        self._outbox = outbox
        for adopted in read_open_runs(self._records):
            run_id = adopted.run.run_id
            self._runs[run_id] = adopted.run
            self._remembered[run_id] = adopted.record
            self._known_since[run_id] = float("-inf")
            if adopted.result is not None:
                outbox.put_result(adopted.result)
            log.info("run taken up", run_id=run_id, stage=adopted.run.stage)
        self._thread.start()

    def stop(self, within_seconds: float) -> None:
        """Take no more messages; let API calls under way end."""
        self._inbox.put(None)
        self._thread.join(within_seconds)
        self._pool.stop()

    def post(self, message: Message) -> None:
        """Hand a message to the engine."""
        self._inbox.put(message)

    def _work(self) -> None:
        handlers: dict[type, Callable[..., None]] = {
            Submission: self._on_submission,
            PodsSeen: self._on_pods,
            JobsSeen: self._on_jobs,
            Started: self._on_started,
            StartRefused: self._observe,
            Collected: self._on_collected,
            Delivered: self._on_delivered,
            Again: lambda again: self._timers.after(_AGAIN_SECONDS, again.action),
        }
        while True:
            self.beat = time.monotonic()
            try:
                message: object = self._inbox.get(timeout=self._timers.wait_seconds(_TICK_SECONDS))
            except queue.Empty:
                message = _NOTHING
            if message is None:
                return
            try:
                if message is not _NOTHING:
                    handlers[type(message)](message)
                self._on_time()
            except Exception:  # one bad message must never end the daemon, nor any other run
                log.exception("message not handled", kind=type(message).__name__)

    # --- time

    def _on_time(self) -> None:
        self._timers.run_due()
        now = time.monotonic()
        if now - self._ticked_at < _TICK_SECONDS:
            return
        self._ticked_at = now
        for run in list(self._runs.values()):
            if run.waiting is not None:
                self._observe(Tick(run.run_id))

    # --- a run comes

    def _on_submission(self, submission: Submission) -> None:
        try:
            submission.answer.set_result(self._admit(submission))
        except (NotAllowedError, StorageError) as error:
            submission.answer.set_result(Answer(accepted=False, reason=str(error)))
        except Exception:
            reason = "the node failed on this command; its log tells more"
            submission.answer.set_result(Answer(accepted=False, reason=reason))
            raise

    def _admit(self, submission: Submission) -> Answer:
        spec = submission.spec
        record = self._remembered.get(spec.run_id) or self._records.read_run(spec.run_id)
        digest = spec.digest()
        if record is not None:
            return self._admit_again(record, digest)
        check_admission(spec, self._config)
        record = RunRecord(spec, digest, time.time())
        self._manager.prepare(record)
        log.info("run accepted", run_id=spec.run_id, image=spec.image, databases=spec.databases)
        return self._take(Run(spec.run_id, digest, record.received_at), record)

    def _admit_again(self, record: RunRecord, digest: str) -> Answer:
        run_id = record.spec.run_id
        if record.digest != digest:
            reason = f"run_id: run {run_id} is known here with another content; use a new run_id"
            return Answer(accepted=False, reason=reason)
        if run_id in self._runs:
            return Answer(accepted=True, status=self._runs[run_id].status)
        result = self._records.read_result(run_id)
        if result is None:
            self._manager.prepare(record)
            return self._take(Run(run_id, digest, record.received_at), record)
        log.info("a finished run is asked for again: its result is sent again", run_id=run_id)
        self._outbox.put_result(result)
        return Answer(accepted=True, status=result.status)

    def _take(self, run: Run, record: RunRecord) -> Answer:
        self._runs[run.run_id] = run
        self._remembered[run.run_id] = record
        self._outbox.put_status(run)
        self._pool.submit(self._create_job, record)
        return Answer(accepted=True, status=run.status)

    def _create_job(self, record: RunRecord) -> None:
        run_id = record.spec.run_id
        try:
            self.post(Started(run_id, self._manager.run(record)))
        except (ClusterError, StorageError) as error:
            log.warning("job not created", run_id=run_id, error=str(error))
            if isinstance(error, ClusterError) and error.is_transient:
                self.post(Again(partial(self._pool.submit, self._create_job, record)))
            else:
                self.post(StartRefused(run_id, refused_by(error)))

    def _on_started(self, started: Started) -> None:
        self._known_since[started.run_id] = time.monotonic()
        self._observe(JobObservation(started.run_id, created_at=started.created_at))

    # --- something is seen

    def _on_pods(self, message: PodsSeen) -> None:
        match message.seen:
            case Changed(object=pod, gone=gone):
                self._observe(observe_pod(pod, gone=gone))
            case Listed(objects=pods):
                observations = [o for o in map(observe_pod, pods) if o is not None]
                for observation in observations:
                    self._observe(observation)
                present = {observation.run_id for observation in observations}
                for run in list(self._runs.values()):
                    if run.pod_name and run.run_id not in present:
                        self._observe(PodObservation(run.run_id, run.pod_name, "", gone=True))

    def _on_jobs(self, message: JobsSeen) -> None:
        match message.seen:
            case Changed(object=job, gone=gone):
                self._observe(observe_job(job, gone=gone))
            case Listed(objects=jobs, asked_at=asked_at):
                observations = [o for o in map(observe_job, jobs) if o is not None]
                for observation in observations:
                    self._observe(observation)
                    self._finish_again(observation)
                self._miss_jobs({observation.run_id for observation in observations}, asked_at)
                self._jobs_listed = True

    def _finish_again(self, job: JobObservation) -> None:
        """A Job of a run that is over, but whose end was not marked: a crash came between."""
        if job.run_id in self._runs or job.delivered:
            return
        if self._records.has_run(job.run_id):
            self._pool.submit(self._finish, job.run_id)
        else:
            log.warning("a Job of this node belongs to no run it knows", run_id=job.run_id)

    def _miss_jobs(self, present: set[int], asked_at: float) -> None:
        """Find the runs whose Job should have been in a list and was not."""
        for run in list(self._runs.values()):
            known_since = self._known_since.get(run.run_id)
            if run.run_id in present or known_since is None or known_since >= asked_at:
                continue
            if run.stage is Stage.ACCEPTED:
                self._pool.submit(self._create_job, self._remembered[run.run_id])
            else:
                self._observe(JobObservation(run.run_id, gone=True))

    def _observe(self, observation: Observation | None) -> None:
        if observation is None or observation.run_id not in self._runs:
            return
        run = self._runs[observation.run_id]
        changed, actions = decide(
            run, observation, time.monotonic(), self._config.kubernetes.limits
        )
        self._runs[run.run_id] = changed
        if changed.status is not run.status:
            cause = changed.failure.cause if changed.failure else None
            log.info("run is now", run_id=run.run_id, status=changed.status, cause=cause)
        for action in actions:
            match action:
                case Report():
                    self._outbox.put_status(changed)
                case Collect(remove_job=remove_job):
                    record = self._remembered[run.run_id]
                    self._pool.submit(self._collect, changed, record, remove_job)

    # --- a run ends

    def _collect(self, run: Run, record: RunRecord, remove_job: bool) -> None:  # noqa: FBT001
        try:
            result = self._manager.get_result(run, record.spec)
            if remove_job:
                self._manager.remove(run.run_id)
        except (StorageError, ClusterError) as error:
            log.warning("result not safe yet: tried again", run_id=run.run_id, error=str(error))
            self.post(Again(partial(self._pool.submit, self._collect, run, record, remove_job)))
            return
        self.post(Collected(result))

    def _on_collected(self, collected: Collected) -> None:
        result = collected.result
        self._runs[result.run_id] = replace(self._runs[result.run_id], stage=Stage.FINISHED)
        log.info("run ended", run_id=result.run_id, status=result.status, exit=result.exit_code)
        self._outbox.put_result(result)

    def _on_delivered(self, delivered: Delivered) -> None:
        run_id = delivered.run_id
        if self._runs.pop(run_id, None) is None:
            return  # a result that was asked for again
        self._remembered.pop(run_id, None)
        self._known_since.pop(run_id, None)
        self._records.close_run(run_id)
        log.info("result delivered", run_id=run_id)
        self._pool.submit(self._finish, run_id)

    def _finish(self, run_id: int) -> None:
        try:
            self._manager.finish(run_id)
        except ClusterError as error:
            log.warning("job not marked: tried again", run_id=run_id, error=str(error))
            self.post(Again(partial(self._pool.submit, self._finish, run_id)))
