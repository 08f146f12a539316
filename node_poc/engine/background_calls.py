"""Slow calls, which threads make for the engine. Each call sends its outcome as a message.

``retries.py`` repeats a failed call after growing pauses, so the node gives up no call that must
succeed. Three pools of threads keep trouble apart: ``api`` for short calls to the API, ``collect``
for logs, which may be long or unreadable, and ``disk`` for records.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import structlog

from node_poc.cluster.errors import ClusterError
from node_poc.concurrency.pool import DaemonPool
from node_poc.engine.book import RunBook
from node_poc.engine.messages import Collected, JobCreated, Message
from node_poc.engine.retries import Retries
from node_poc.engine.run_jobs import refused_by
from node_poc.engine.run_work import RunWork
from node_poc.runs import ends
from node_poc.runs.diagnosis import Patience
from node_poc.runs.event_diagnosis import diagnose_refused_job
from node_poc.runs.model import Run, RunSpec
from node_poc.runs.observed import StartPutOff, StartRefused
from node_poc.storage.records import RunRecord, StorageError

log = structlog.get_logger(__name__)

# How long to insist on an unreadable log: the API server may return after a while, but a lost
# machine may never return.
_INSIST_SECONDS = 180.0
# How long to repeat a failed call whose caller asks again later, with newer facts.
_BRIEF_SECONDS = 30.0
_THREADS = 8
# Each thread may wait a minute for one log. Up to this many unreadable logs at once, as of lost
# machines, do not hold up the results of other runs.
_COLLECT_THREADS = 32
# Each may wait 20 s for a registry; more runs with images of this registry wait behind them.
_IMAGE_THREADS = 8


class CreateRequests:
    """The Jobs being created at the moment, and which of them to remove. Thread-safe.

    A request to create a Job cannot be recalled. Suppose the answer to an earlier request was lost
    and a kill removed that request's Job: a repeated request under way would create the Job anew,
    and the algorithm would run twice. The removal therefore waits for the end of the request; no
    further request follows for a killed run.
    """

    def __init__(self) -> None:
        """Start with no Job being created."""
        self._lock = threading.Lock()
        self._to_remove: dict[int, bool] = {}

    @contextlib.contextmanager
    def under_way(self, run_id: int, remove: Callable[[int], None]) -> Iterator[None]:
        """Note a request to create the run's Job; then ``remove`` the Job if that was asked for."""
        with self._lock:
            self._to_remove[run_id] = False
        try:
            yield
        finally:
            with self._lock:
                is_unwanted = self._to_remove.pop(run_id)
            if is_unwanted:
                remove(run_id)

    def remove_afterwards(self, run_id: int) -> bool:
        """Note that the Job must be removed; return False if no request is under way."""
        with self._lock:
            if run_id not in self._to_remove:
                return False
            self._to_remove[run_id] = True
            return True


class Pools:
    """The engine's threads: ``disk`` has a single thread, and therefore writes in order."""

    def __init__(self) -> None:
        """Create the pools; their threads start with the first calls."""
        self.disk = DaemonPool("disk", 1)
        self.api = DaemonPool("api", _THREADS)
        self.collect = DaemonPool("collect", _COLLECT_THREADS)
        self.images = DaemonPool("image", _IMAGE_THREADS)

    def stop_calls(self) -> None:
        """Start no more calls of API and registries; the node's next start makes up for them."""
        self.images.stop()
        self.api.stop()
        self.collect.stop()


class BackgroundCalls:
    """Makes the engine's slow calls in threads, and posts their outcomes."""

    def __init__(
        self,
        work: RunWork,
        post: Callable[[Message], None],
        book: RunBook,
        pools: Pools,
        retries: Retries,
    ) -> None:
        """Make calls in the threads of ``pools``.

        Args:
            work: does the work for one run.
            post: hands a message to the engine; must not block.
            book: the engine's runs; the calls use only the methods that are safe in any thread.
            pools: the engine's threads.
            retries: repeats failed calls.
        """
        self._work = work
        self._jobs = work.jobs
        self._post = post
        self._book = book
        self._pools = pools
        self._retries = retries
        self._create_requests = CreateRequests()
        self._runs_without_events: list[Run] = []

    def create_job(self, record: RunRecord) -> None:
        """Create the run's Job → ``JobCreated``, ``StartPutOff`` or ``StartRefused``."""
        call = partial(self._create_job, record)
        self._retries.submit(self._pools.api, "job not created", record.spec.run_id, call)

    def write_record(self, run_id: int) -> None:
        """Write the run's record from the book to disk, with retries until success."""
        call = partial(self._write_record, run_id)
        self._retries.submit(self._pools.disk, "record not written", run_id, call)

    def collect(self, run: Run, *, remove_job: bool) -> None:
        """Write the ended run's result to disk, then remove its Job if wanted → ``Collected``."""
        spec = self._book.record(run.run_id).spec
        insist_until = time.monotonic() + _INSIST_SECONDS
        call = partial(self._collect, run, spec, insist_until, remove_job=remove_job)
        self._retries.submit(self._pools.collect, "result not safe yet", run.run_id, call)

    def kill(self, run_id: int) -> None:
        """Write the kill, which the book has already, to disk; then remove the Job.

        The watches show the effect.
        """
        call = partial(self._kill, run_id)
        self._retries.submit(self._pools.disk, "kill not written", run_id, call)

    def look_for_pod(self, run: Run) -> None:
        """Ask the API for the run's pod → ``PodObservation``, gone if there is no pod."""
        call = partial(self._look_for_pod, run.run_id)
        self._retries.submit(self._pools.api, "pod not looked for", run.run_id, call)

    def request_events(self, run: Run) -> None:
        """Let the next ``read_events`` read the Events of the run's pod or Job."""
        self._runs_without_events.append(run)

    def read_events(self) -> None:
        """Read the wanted Events → an ``EventsSeen`` for each run, or nothing on failure."""
        if self._runs_without_events:
            runs, self._runs_without_events = self._runs_without_events, []
            call = partial(self._read_events, runs, _brief_end())
            self._retries.submit(self._pools.api, "events not read", runs[0].run_id, call)

    def mark_job(self, run_id: int) -> None:
        """Mark the Job of a run as delivered, because the server has its result."""
        call = partial(self._work.mark_job, run_id)
        self._retries.submit(self._pools.api, "job not marked", run_id, call)

    def remove_job(self, run_id: int) -> None:
        """Remove the run's Job, with retries until success."""
        call = partial(self._jobs.remove, run_id)
        self._retries.submit(self._pools.api, "job not removed", run_id, call)

    def remove_completely(self, run_id: int, done: Callable[[bool], None]) -> None:
        """Remove a past run's Job; call ``done`` with True if no Job and no pod is left."""
        call = partial(self._remove_completely, run_id, done, _brief_end())
        self._retries.submit(self._pools.api, "job of a former run not removed", run_id, call)

    def drop_retries(self, run_id: int) -> None:
        """Repeat no more failed calls for this run."""
        self._retries.drop(run_id)

    def _remove_completely(
        self, run_id: int, done: Callable[[bool], None], insist_until: float
    ) -> None:
        clear = False
        try:
            clear = self._jobs.remove_completely(run_id)
        except ClusterError as error:
            if _is_worth_repeating(error, insist_until):
                raise
            log.warning("job of a former run not removed", run_id=run_id, error=str(error))
        except Exception:  # the engine waits for the outcome
            log.exception("job of a former run not removed", run_id=run_id)
        done(clear)

    def _create_job(self, record: RunRecord) -> None:
        run_id = record.spec.run_id
        wanted = partial(self._book.waits_for_job, run_id)
        with self._create_requests.under_way(run_id, self.remove_job):
            try:
                created_at = self._jobs.create(record, wanted) if wanted() else None
                if created_at is None:
                    self._report_not_created(run_id)
                else:
                    self._post(JobCreated(run_id, created_at))
            except ClusterError as error:
                if wanted() and error.is_transient:
                    raise
                if wanted():
                    self._post(_refusal(run_id, error))
                else:
                    self._report_not_created(run_id)
            except StorageError:  # no Job without its entry in the audit trail: tried again
                if wanted():
                    raise
                self._report_not_created(run_id)
            except Exception as error:  # an error in the node's own code must still end the run
                log.exception("job not made", run_id=run_id)
                self._post(StartRefused(run_id, refused_by(error)))

    def _report_not_created(self, run_id: int) -> None:
        """Report a refused start: ends a run to be killed, and does not affect a run with a Job."""
        self._post(StartRefused(run_id, ends.KILLED))

    def _write_record(self, run_id: int) -> None:
        record = self._book.find_record(run_id)
        if record is not None:  # without a record the run is over
            self._work.update_record(record)

    def _collect(self, run: Run, spec: RunSpec, insist_until: float, *, remove_job: bool) -> None:
        insist = time.monotonic() < insist_until
        result = self._work.collect(run, spec, insist=insist)
        if remove_job:
            # The result is safe on disk, and must not wait until the removal succeeds.
            call = partial(self._jobs.remove, run.run_id)
            self._retries.make(self._pools.api, "job of an ended run not removed", run.run_id, call)
        self._post(Collected(result))

    def _kill(self, run_id: int) -> None:
        self._write_record(run_id)
        if self._create_requests.remove_afterwards(run_id):
            return
        call = partial(self._jobs.remove, run_id)
        self._retries.submit(self._pools.api, "not killed yet", run_id, call)

    def _look_for_pod(self, run_id: int) -> None:
        self._post(self._jobs.find_pod(run_id))

    def _read_events(self, runs: list[Run], insist_until: float) -> None:
        try:
            for seen in self._jobs.find_events(runs):
                self._post(seen)
        except ClusterError as error:  # the runs ask for their Events again after a pause
            if _is_worth_repeating(error, insist_until):
                raise
            log.warning("events not read", runs=len(runs), error=str(error))


def _brief_end() -> float:
    """Return the end, in monotonic seconds, of the repetitions of a call that is asked again."""
    return time.monotonic() + _BRIEF_SECONDS


def _is_worth_repeating(error: ClusterError, insist_until: float) -> bool:
    return error.is_transient and time.monotonic() < insist_until


def _refusal(run_id: int, error: ClusterError) -> StartRefused | StartPutOff:
    """Return the message for a refused Job: wait for a used-up quota; all else is final."""
    diagnosis = diagnose_refused_job(str(error))
    if diagnosis is not None and diagnosis.patience is Patience.ROOM:
        log.debug("job put off", run_id=run_id, error=str(error))  # the engine logs each pause
        return StartPutOff(run_id, diagnosis.failure)
    log.warning("job not created", run_id=run_id, error=str(error))
    return StartRefused(run_id, refused_by(error))
