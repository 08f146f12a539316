"""Keeps the runs here and those that are open at a vantage6 server the same.

The server's list of open runs is the truth; its events only say when to look. One thread looks:
at each greeting of the server, at each new task, and once a minute whatever happens.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future

import structlog

from node_poc.pool import DaemonPool
from node_poc.protocol.ports import Control, QueryError
from node_poc.protocol.vantage6_errors import LoginRefusedError, RefusedError, ServerError
from node_poc.protocol.vantage6_intake import Intake
from node_poc.protocol.vantage6_reports import Line, Reports
from node_poc.protocol.vantage6_request import RunRequest, RunRequestError, parse_run
from node_poc.runs.model import RunSpec
from node_poc.runs.status import RunStatus

log = structlog.get_logger(__name__)

_TIMER_SECONDS = 60.0
_AGAIN_SECONDS = 5.0
# With their inputs, runs may be large: so many are in memory at once.
_PAGE = 20
_THREADS = 4
_AHEAD = 8
# With more new tasks than this, one look at everything asks the server for less.
_FEW_TASKS = 3
_GONE = 404


class Sync:
    """One thread that looks. ``ask_*`` and ``killed`` may be called from any thread."""

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
        self._node_id = line.identity.node_id
        self._intake = intake
        self._reports = reports
        self._control = control
        self._on_refused = on_refused
        self._changed = threading.Condition()
        self._all = True
        self._tasks: dict[int, None] = {}
        self._stopping = False
        self._done: set[int] = set()  # open at the server, and their end is on its way there
        self._killed: set[int] = set()
        self._taking: set[int] = set()
        self._lock = threading.Lock()
        self._pool = DaemonPool("take in", _THREADS)
        self._thread = threading.Thread(target=self._work, name="server sync", daemon=True)

    def start(self) -> None:
        """Look for the first time, and from then on."""
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._pool.stop()

    def ask_all(self) -> None:
        """Look at everything, soon."""
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
        with self._lock:
            self._killed |= self._taking if run_ids is None else self._taking & set(run_ids)

    # --- the thread

    def _work(self) -> None:
        while (task_ids := self._next()) is not None:
            try:
                self._look(task_ids)
            except LoginRefusedError as error:
                self._on_refused(str(error))
                return
            except ServerError as error:
                log.warning("open runs not read: tried again", error=str(error))
                self._pause()
            except Exception:  # whatever it is, runs must go on coming
                log.exception("open runs not read: tried again")
                self._pause()

    def _next(self) -> list[int] | None:
        """What to look at: tasks, or everything if the list is empty. None: the end."""
        with self._changed:
            if not (self._all or self._tasks or self._stopping):
                self._changed.wait(_TIMER_SECONDS)
            if self._stopping:
                return None
            tasks, self._tasks = list(self._tasks), {}
            everything = self._all or len(tasks) > _FEW_TASKS or not tasks
            self._all = False
            return [] if everything else tasks

    def _pause(self) -> None:
        with self._changed:
            self._all = True
            if not self._stopping:
                self._changed.wait_for(
                    lambda: self._stopping,
                    _AGAIN_SECONDS * random.uniform(0.5, 1.0),  # noqa: S311
                )

    def _look(self, task_ids: list[int]) -> None:
        # Before the list is read: what ends or comes meanwhile must not look like something else.
        open_here = [summary.run for summary in self._control.open_runs()]
        here = {run.run_id for run in open_here}
        going = {run.run_id for run in open_here if not run.has_ended}
        listed: set[int] = set()
        if task_ids:
            for task_id in task_ids:
                self._take_all(here, listed, task_id=task_id)
            return
        self._take_all(here, listed)
        self._done &= listed
        for run_id in going - listed:
            self._kill_if_ended(run_id)

    def _take_all(self, here: set[int], listed: set[int], **narrowed: int) -> None:
        waiting: deque[tuple[RunRequest, Future[RunSpec | None]]] = deque()
        try:
            for request in self._new_runs(here, listed, **narrowed):
                with self._lock:
                    self._taking.add(request.run_id)
                waiting.append((request, self._pool.ask(self._intake.prepare, request)))
                if len(waiting) >= _AHEAD:
                    self._submit(*waiting.popleft(), here)
            while waiting:
                self._submit(*waiting.popleft(), here)
        finally:
            for request, future in waiting:
                future.cancel()
                self._no_longer_taking(request.run_id)

    def _new_runs(self, here: set[int], listed: set[int], **narrowed: int) -> Iterator[RunRequest]:
        """What is open at the server and not known here, oldest first."""
        asked = {"state": "open", "node_id": self._node_id, "include": "task", **narrowed}
        for page in self._rest.pages_from_last("run", _PAGE, **asked):
            found = [request for item in page if (request := self._parse(item, listed))]
            for request in sorted(found, key=lambda request: request.run_id):
                run_id = request.run_id
                if run_id in self._done or run_id in here or run_id in self._taking:
                    continue
                if not self._told_again(run_id):
                    yield request

    def _parse(self, item: object, listed: set[int]) -> RunRequest | None:
        try:
            request = parse_run(item)
        except RunRequestError as error:
            self._not_readable(error, listed)
            return None
        listed.add(request.run_id)
        return request

    def _not_readable(self, error: RunRequestError, listed: set[int]) -> None:
        run_id = error.run_id
        if run_id is None:
            log.warning("an open run of the server cannot be read", reason=str(error))
            return
        listed.add(run_id)
        if run_id not in self._done:
            self._done.add(run_id)
            self._reports.refuse(run_id, None, RunStatus.FAILED, str(error))

    def _told_again(self, run_id: int) -> bool:
        """Whether the run has ended here before; the server forgot, so it gets its end again."""
        try:
            result = self._control.result(run_id)
        except QueryError:
            return False
        if result is None:
            return False
        log.info("a finished run is open at the server: its result is sent again", run_id=run_id)
        self._reports.result(result, lambda: None)
        return True

    def _submit(self, request: RunRequest, future: Future[RunSpec | None], here: set[int]) -> None:
        run_id = request.run_id
        try:
            spec = future.result()
            if spec is None or self._was_killed(request) or not self._intake.submit(request, spec):
                self._done.add(run_id)
                return
            here.add(run_id)
            if run_id in self._killed:
                self._control.kill((run_id,))
        finally:
            self._no_longer_taking(run_id)

    def _was_killed(self, request: RunRequest) -> bool:
        with self._lock:
            killed = request.run_id in self._killed
        if killed:
            self._reports.refuse(request.run_id, None, RunStatus.KILLED, "Killed by user.")
        return killed

    def _no_longer_taking(self, run_id: int) -> None:
        with self._lock:
            self._taking.discard(run_id)
            self._killed.discard(run_id)

    def _kill_if_ended(self, run_id: int) -> None:
        """A run goes on here and is not open at the server: if it has ended there, so it must."""
        try:
            ended = self._rest.get(f"run/{run_id}").get("finished_at") is not None
        except RefusedError as error:
            ended = error.status == _GONE
        if ended:
            log.info("run has ended at the server: it is killed here", run_id=run_id)
            self._control.kill((run_id,))
