"""Keeps the runs here and those that are open at a vantage6 server the same.

The server's list of open runs is the truth; its events only say when to look. One thread looks:
at each greeting of the server, at each new task, and once a minute whatever happens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

import structlog

from node_poc.backoff import Backoff, is_worth_a_warning
from node_poc.protocol.ports import Control
from node_poc.protocol.vantage6_errors import (
    LoginRefusedError,
    RefusedError,
    ServerError,
    UnreachableError,
)
from node_poc.protocol.vantage6_intake import Intake
from node_poc.protocol.vantage6_reports import Line, Reports
from node_poc.protocol.vantage6_taking import Taking

log = structlog.get_logger(__name__)

_TIMER_SECONDS = 60.0
# After a look that failed.
_BACKOFF = Backoff(2.5, 30.0)
# With more new tasks than this, one look at everything asks the server for less.
_FEW_TASKS = 3
_GONE = 404


class Sync:
    """One thread that looks. ``ask_*`` and ``kill_taking`` may be called from any thread."""

    def __init__(
        self,
        line: Line,
        intake: Intake,
        reports: Reports,
        control: Control,
        on_refused: Callable[[str], None],
    ) -> None:
        """Nothing runs before ``start``. ``on_refused``: the API key is not taken any more."""
        self._rest = line.rest
        self._taking = Taking(line, intake, reports, control)
        self._reports = reports
        self._control = control
        self._on_refused = on_refused
        self._changed = threading.Condition()
        self._all = True
        self._tasks: dict[int, None] = {}
        self._look_at = 0.0  # monotonic seconds: when everything is looked at, asked or not
        self._failures = 0  # looks in a row
        self._later = self._taking.later
        self._unclear: set[int] = set()  # of these the server does not tell whether they have ended
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="server sync", daemon=True)

    def start(self) -> None:
        """Look for the first time, and from then on."""
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._taking.stop()

    def ask_all(self) -> None:
        """Look at everything, soon: the server is there, and maybe was away."""
        self._reports.same.doubt_all()
        self._later.hurry()
        with self._changed:
            self._all = True
            self._changed.notify()

    def ask_task(self, task_id: int) -> None:
        """Look whether this task has a run for us, soon."""
        with self._changed:
            self._tasks[task_id] = None
            self._changed.notify()

    def kill_taking(self, run_ids: Iterable[int] | None) -> None:
        """Runs that are on their way into the engine (all, or those named) do not get there."""
        self._taking.kill(run_ids)
        with self._changed:
            self._changed.notify()

    # --- the thread

    def _work(self) -> None:
        while (task_ids := self._next()) is not None:
            try:
                self._look(task_ids)
                self._failures = 0
            except LoginRefusedError as error:
                self._on_refused(str(error))
                return
            except ServerError as error:
                self._pause()
                tell = log.warning if is_worth_a_warning(self._failures) else log.debug
                tell("open runs not read: tried again", error=str(error), tries=self._failures)
            except Exception:  # whatever it is, runs must go on coming
                log.exception("open runs not read: tried again")
                self._pause()

    def _next(self) -> list[int] | None:
        """What to look at: tasks, or everything if the list is empty. None: the end."""
        with self._changed:
            while not self._stopping:
                if self._all or time.monotonic() >= self._look_at:
                    return self._everything()
                until = self._look_at
                if not self._failures:  # else tasks wait as well, for the look at everything
                    if tasks := {**self._tasks, **dict.fromkeys(self._later.due_tasks())}:
                        self._tasks = {}
                        return list(tasks) if len(tasks) <= _FEW_TASKS else self._everything()
                    until = min(until, self._later.next_at())
                self._changed.wait(max(until - time.monotonic(), 0.01))
            return None

    def _everything(self) -> list[int]:
        self._all, self._tasks = False, {}
        return []

    def _pause(self) -> None:
        self._failures += 1
        with self._changed:
            self._look_at = time.monotonic() + _BACKOFF.pause(self._failures)

    def _look(self, task_ids: list[int]) -> None:
        # Before the list is read: what ends or comes meanwhile must not look like something else.
        open_here = [summary.run for summary in self._control.open_runs()]
        here = {run.run_id for run in open_here}
        going = {run.run_id for run in open_here if not run.has_ended}
        listed: set[int] = set()
        began_at = time.monotonic()
        if task_ids:
            for task_id in task_ids:
                self._taking.take_all(here, listed, task_id=task_id)
            self._later.settle(began_at, task_ids)
            return
        self._taking.take_all(here, listed)
        self._later.settle(began_at)
        self._taking.forget_all_but(listed)
        for run_id in sorted(going - listed):
            self._kill_if_ended(run_id)
        self._unclear &= going - listed
        self._look_at = time.monotonic() + _TIMER_SECONDS

    def _kill_if_ended(self, run_id: int) -> None:
        """A run goes on here and is not open at the server: if it has ended there, so it must."""
        try:
            ended = self._rest.get(f"run/{run_id}").get("finished_at") is not None
        except RefusedError as error:
            ended = error.status == _GONE
        except UnreachableError as error:  # the next look asks again; the other runs must not wait
            tell = log.debug if run_id in self._unclear else log.warning
            tell("not known whether a run has ended at the server", run_id=run_id, error=str(error))
            self._unclear.add(run_id)
            return
        if ended:
            log.info("run has ended at the server: it is killed here", run_id=run_id)
            self._control.kill((run_id,))
