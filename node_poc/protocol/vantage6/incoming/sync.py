"""Keeps this node's runs in step with the runs that are open at the vantage6 server.

The server's list of open runs is the truth; the server's events only trigger a reading of the list.
One thread reads the list: at each ``sync``, at each new task, and once a minute in any case.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from node_poc.concurrency.attempts import log_failure
from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.vantage6.errors import (
    LoginRefusedError,
    ServerError,
)
from node_poc.protocol.vantage6.incoming.known_runs import KnownRunCheck
from node_poc.protocol.vantage6.incoming.new_runs import NewRuns
from node_poc.protocol.vantage6.incoming.postponed import PostponedRuns
from node_poc.protocol.vantage6.outgoing.reports import Reports
from node_poc.runs.ports import KnownRuns

log = structlog.get_logger(__name__)

_TIMER_SECONDS = 60.0
# The pauses after failed readings.
_BACKOFF = Backoff(2.5, 30.0)
# With more tasks to try again than this, reading all runs takes fewer requests.
_FEW_TASKS = 3
# The pause between readings of new tasks: tasks that come meanwhile are read together. After a
# reading that took longer, the pause is as long as the reading; after a reading of several new
# tasks, the pause counts for each of them. Both up to the maximum.
_TOGETHER_SECONDS = 0.3
_TOGETHER_MOST_SECONDS = 1.5


@dataclass(frozen=True)
class _Reading:
    """The scope of a reading: all runs, or some tasks and the runs of ``newest`` new tasks."""

    everything: bool = False
    newest: int = 0
    task_ids: tuple[int, ...] = ()


class Sync:
    """Owns the reading thread. Any thread may call ``read_*_soon`` and ``kill_new``."""

    def __init__(
        self,
        new_runs: NewRuns,
        known_runs: KnownRunCheck,
        postponed: PostponedRuns,
        reports: Reports,
        control: KnownRuns,
        on_refused: Callable[[str], None],
    ) -> None:
        """Nothing runs before ``start``. A rejected API key leads to a call of ``on_refused``."""
        self._new_runs = new_runs
        self._known_runs = known_runs
        self._postponed = postponed
        self._reports = reports
        self._control = control
        self._on_refused = on_refused
        self._changed = threading.Condition()
        self._all = True
        self._tasks: dict[int, None] = {}
        self._read_tasks_at = 0.0  # monotonic seconds: the earliest next reading of new tasks
        self._read_all_at = 0.0  # monotonic seconds: the next reading of all runs without a trigger
        self._failures = 0  # failed readings in a row
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="server sync", daemon=True)

    def start(self) -> None:
        """Start the reading thread."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more runs."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._new_runs.stop()

    def read_all_soon(self) -> None:
        """Read all runs soon: the server is there, and may have been away before."""
        self._reports.doubt()
        self._postponed.retry_now()
        with self._changed:
            self._all = True
            self._changed.notify()

    def read_task_soon(self, task_id: int) -> None:
        """Check soon whether this task has a run for this node."""
        with self._changed:
            self._tasks[task_id] = None
            self._changed.notify()

    def kill_new(self, run_ids: Iterable[int] | None) -> None:
        """Stop runs on their way into the engine: the runs of ``run_ids``, or all for None."""
        run_ids = None if run_ids is None else tuple(run_ids)
        with self._changed:
            task_ids = tuple(self._tasks)
        # A killed task may be deleted next, and the server may give its ids to other tasks.
        self._reports.doubt(run_ids)
        self._new_runs.kill(run_ids, task_ids)
        with self._changed:
            self._changed.notify()

    # --- the thread

    def _work(self) -> None:
        while (reading := self._next()) is not None:
            try:
                self._do(reading)
                self._failures = 0
            except LoginRefusedError as error:
                self._on_refused(str(error))
                return
            except ServerError as error:
                self._pause()
                event = "open runs not read: tried again"
                log_failure(log, self._failures, event, error=str(error))
            except Exception:  # the thread must go on in any case, or no runs would come any more
                log.exception("open runs not read: tried again")
                self._pause()

    def _next(self) -> _Reading | None:
        """Wait for the next reading, and return its scope; None after ``stop``."""
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                if self._all or now >= self._read_all_at:
                    return self._everything()
                until = self._read_all_at
                if not self._failures:  # after a failure, tasks wait for the reading of all runs
                    if now >= self._read_tasks_at and (reading := self._at_tasks()):
                        return reading
                    due_at = 0.0 if self._tasks else self._postponed.next_at()
                    until = min(until, max(self._read_tasks_at, due_at))
                self._changed.wait(max(until - time.monotonic(), 0.01))
            return None

    def _everything(self) -> _Reading:
        self._all, self._tasks = False, {}
        return _Reading(everything=True)

    def _at_tasks(self) -> _Reading | None:
        """Return the next reading: one list for all new tasks, one for each task to try again."""
        again, new = self._postponed.due_tasks(), self._tasks
        if not again and not new:
            return None
        if len(again) > _FEW_TASKS:
            return self._everything()
        self._tasks, self._read_tasks_at = {}, time.monotonic() + _TOGETHER_SECONDS
        if len(new) > 1:
            return _Reading(newest=len(new), task_ids=tuple(again))
        return _Reading(task_ids=tuple(dict.fromkeys([*new, *again])))

    def _pause(self) -> None:
        self._failures += 1
        with self._changed:
            self._read_all_at = time.monotonic() + _BACKOFF.pause(self._failures)

    def _do(self, reading: _Reading) -> None:
        # The runs here come first: a run that starts or ends while the list is read would otherwise
        # seem to be missing at the server, or to be new.
        open_here = [summary.run for summary in self._control.open_runs()]
        here = {run.run_id for run in open_here}
        listed: set[int] = set()
        began_at = time.monotonic()
        if reading.everything:
            self._known_runs.begin_reading()
            self._new_runs.take_all(here, listed)
            self._postponed.forget_due(began_at)
            self._new_runs.forget_all_but(listed, began_at)
            going = [run for run in open_here if not run.has_ended]
            self._known_runs.compare(going, listed)
            self._read_all_at = time.monotonic() + _TIMER_SECONDS
            return
        if reading.newest and not self._new_runs.take_newest(reading.newest, here, listed):
            with self._changed:
                self._all = True
        for task_id in reading.task_ids:
            self._new_runs.take_all(here, listed, task_id=task_id)
        if reading.task_ids:
            self._postponed.forget_due(began_at, reading.task_ids)
        now = time.monotonic()
        pause = max(now - began_at, _TOGETHER_SECONDS * reading.newest)
        self._read_tasks_at = max(self._read_tasks_at, now + min(pause, _TOGETHER_MOST_SECONDS))
