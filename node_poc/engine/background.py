"""What the engine lets threads do, because it takes time. A call tells its outcome by a message.

A call that fails is made again after growing pauses (``retries.py``); so nothing that must happen
is ever given up. Three kinds of threads, so that none waits for another's trouble: ``api`` for
short calls, ``collect`` for logs that may be long or not to be had, ``disk`` for the records.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import structlog

from node_poc.cluster.errors import ClusterError
from node_poc.concurrency.pool import DaemonPool
from node_poc.engine.book import RunBook
from node_poc.engine.messages import Collected, Message, Started
from node_poc.engine.retries import Retries
from node_poc.engine.run_work import RunWork, refused_by
from node_poc.runs import ends
from node_poc.runs.diagnosis import Patience
from node_poc.runs.event_diagnosis import diagnose_refused_job
from node_poc.runs.model import Run, RunSpec
from node_poc.runs.observed import StartPutOff, StartRefused
from node_poc.storage.records import RunRecord

log = structlog.get_logger(__name__)

# A log that is not to be had is insisted on for so long: the API server may be away for a while,
# and a machine for ever.
_INSIST_SECONDS = 180.0
_THREADS = 8
# Each may wait a minute for one log; so many machines may be lost at once without holding up the
# results of others.
_COLLECT_THREADS = 32


class Underway:
    """Jobs that are just being made, and those of them that are to be removed. Thread-safe.

    A request to make a Job that is on its way cannot be called back. If a kill removed the Job that
    an earlier request made, whose answer was lost, this one would make it anew, and the algorithm
    would run twice. So the removal waits for it; no other request follows for a killed run.
    """

    def __init__(self) -> None:
        """None is being made."""
        self._lock = threading.Lock()
        self._to_remove: dict[int, bool] = {}

    def begin(self, run_id: int) -> None:
        """The run's Job is being made from now on."""
        with self._lock:
            self._to_remove[run_id] = False

    def remove_afterwards(self, run_id: int) -> bool:
        """Note that the Job is to be removed; False if it is not being made now."""
        with self._lock:
            if run_id not in self._to_remove:
                return False
            self._to_remove[run_id] = True
            return True

    def end(self, run_id: int) -> bool:
        """It is made, or cannot be; returns whether it is to be removed now."""
        with self._lock:
            return self._to_remove.pop(run_id)


class Calls:
    """The slow half of the engine. ``post`` takes the messages."""

    def __init__(
        self, work: RunWork, post: Callable[[Message], None], book: RunBook, disk: DaemonPool
    ) -> None:
        """``post`` must not block; ``disk`` has one thread, so records are written in order."""
        self._work = work
        self._post = post
        self._book = book
        self._disk = disk
        self._pool = DaemonPool("api", _THREADS)
        self._collectors = DaemonPool("collect", _COLLECT_THREADS)
        self._retries = Retries(post)
        self._underway = Underway()
        self._without_events: list[Run] = []

    def stop(self) -> None:
        """Begin no more calls; what is left undone is done after the next start."""
        self._pool.stop()
        self._collectors.stop()

    def create(self, record: RunRecord) -> None:
        """Make the run's Job → ``Started``, ``StartPutOff`` or ``StartRefused``."""
        call = partial(self._create, record)
        self._retries.submit(self._pool, "job not created", record.spec.run_id, call)

    def remember(self, run_id: int) -> None:
        """Write the run's record as the book has it, until it is written."""
        call = partial(self._remember, run_id)
        self._retries.submit(self._disk, "record not written", run_id, call)

    def collect(self, run: Run, *, remove_job: bool) -> None:
        """Make the ended run's result safe, then remove its Job if told → ``Collected``."""
        spec = self._book.record(run.run_id).spec
        insist_until = time.monotonic() + _INSIST_SECONDS
        call = partial(self._collect, run, spec, insist_until, remove_job=remove_job)
        self._retries.submit(self._collectors, "result not safe yet", run.run_id, call)

    def kill(self, run_id: int) -> None:
        """Remember the kill, then remove the Job; the watches tell what becomes of it.

        The book has it already.
        """
        call = partial(self._kill, run_id)
        self._retries.submit(self._disk, "kill not written", run_id, call)

    def look_for_pod(self, run: Run) -> None:
        """Ask for the run's pod → its ``PodObservation``, gone if there is none."""
        call = partial(self._look_for_pod, run.run_id)
        self._retries.submit(self._pool, "pod not looked for", run.run_id, call)

    def want_events(self, run: Run) -> None:
        """Let the next ``read_events`` read the Events of the run's pod or Job."""
        self._without_events.append(run)

    def read_events(self) -> None:
        """Read the wanted Events → ``EventsSeen`` of each run, or nothing if that fails."""
        if self._without_events:
            self._pool.submit(self._read_events, self._without_events)
            self._without_events = []

    def finish(self, run_id: int) -> None:
        """Mark the Job of a run whose result the server has."""
        call = partial(self._work.finish, run_id)
        self._retries.submit(self._pool, "job not marked", run_id, call)

    def remove_job(self, run_id: int) -> None:
        """Remove a Job that nobody wants."""
        call = partial(self._work.remove, run_id)
        self._retries.submit(self._pool, "job not removed", run_id, call)

    def clear(self, run_id: int, done: Callable[[bool], None]) -> None:
        """Remove the Job of a run that is over; ``done`` is told whether nothing is left of it."""
        self._pool.submit(self._clear, run_id, done)

    def forget(self, run_id: int) -> None:
        """Make no call again that failed for this run."""
        self._retries.forget(run_id)

    def _clear(self, run_id: int, done: Callable[[bool], None]) -> None:
        clear = False
        try:
            clear = self._work.clear(run_id)
        except ClusterError as error:
            log.warning("job of a former run not removed", run_id=run_id, error=str(error))
        finally:
            done(clear)

    def _create(self, record: RunRecord) -> None:
        run_id = record.spec.run_id
        self._underway.begin(run_id)
        try:
            self._make_job(record)
        finally:
            if self._underway.end(run_id):
                self.remove_job(run_id)

    def _make_job(self, record: RunRecord) -> None:
        run_id = record.spec.run_id
        wanted = partial(self._book.waits_for_job, run_id)
        if not wanted():
            self._not_made(run_id)
            return
        try:
            self._post(Started(run_id, self._work.run(record, wanted)))
        except ClusterError as error:
            if not wanted():
                self._not_made(run_id)
                return
            if error.is_transient:
                raise
            self._post(_refusal(run_id, error))
        except Exception as error:  # of our own: it must not leave the run without an end
            log.exception("job not made", run_id=run_id)
            self._post(StartRefused(run_id, refused_by(error)))

    def _not_made(self, run_id: int) -> None:
        """Its Job was seen, so this changes nothing; or it is to be killed, and ends by this."""
        self._post(StartRefused(run_id, ends.KILLED))

    def _remember(self, run_id: int) -> None:
        record = self._book.find_record(run_id)
        if record is not None:  # else the run is over
            self._work.remember(record)

    def _collect(self, run: Run, spec: RunSpec, insist_until: float, *, remove_job: bool) -> None:
        insist = time.monotonic() < insist_until
        result = self._work.get_result(run, spec, insist=insist)
        if remove_job:
            # Whether it goes or not, the result is safe and must not wait for it.
            call = partial(self._work.remove, run.run_id)
            self._retries.make(self._pool, "job of an ended run not removed", run.run_id, call)
        self._post(Collected(result))

    def _kill(self, run_id: int) -> None:
        self._remember(run_id)
        if self._underway.remove_afterwards(run_id):
            return
        call = partial(self._work.remove, run_id)
        self._retries.submit(self._pool, "not killed yet", run_id, call)

    def _look_for_pod(self, run_id: int) -> None:
        self._post(self._work.find_pod(run_id))

    def _read_events(self, runs: list[Run]) -> None:
        try:
            for seen in self._work.find_events(runs):
                self._post(seen)
        except ClusterError as error:  # the runs ask for their Events again after a pause
            log.warning("events not read", runs=len(runs), error=str(error))


def _refusal(run_id: int, error: ClusterError) -> StartRefused | StartPutOff:
    """What a refused Job means: a quota that is used up is waited for, all else is final."""
    told = diagnose_refused_job(str(error))
    if told is not None and told.patience is Patience.ROOM:
        log.debug("job put off", run_id=run_id, error=str(error))  # the engine tells, once
        return StartPutOff(run_id, told.failure)
    log.warning("job not created", run_id=run_id, error=str(error))
    return StartRefused(run_id, refused_by(error))
