"""Takes the open runs that a vantage6 server lists, until the engine has the run or the run ends.

Trouble with one run delays no other run: each failed run is tried again after its own pause.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

import structlog

from node_poc.concurrency.backoff import is_worth_a_warning
from node_poc.concurrency.pool import DaemonPool
from node_poc.protocol.vantage6.errors import (
    LoginRefusedError,
    ServerError,
)
from node_poc.protocol.vantage6.incoming.known_runs import Decision, KnownRunCheck
from node_poc.protocol.vantage6.incoming.postponed import PostponedRuns
from node_poc.protocol.vantage6.incoming.prepare import EngineBusyError, Prepared, RunPreparer
from node_poc.protocol.vantage6.kills import RecentKills
from node_poc.protocol.vantage6.origin import RunOrigin
from node_poc.protocol.vantage6.outgoing.reports import Reports
from node_poc.protocol.vantage6.rest.answers import data_of, last_page
from node_poc.protocol.vantage6.run_request import RunRequest, RunRequestError, id_in, parse_run
from node_poc.protocol.vantage6.server_access import ServerAccess
from node_poc.runs.ports import RunKiller
from node_poc.runs.status import RunStatus
from node_poc.runs.trusted_images import RegistryAwayError

log = structlog.get_logger(__name__)

# Runs with their inputs may be large; the numbers limit how many runs are in memory at once.
_PAGE = 20
_THREADS = 4
_AHEAD = 8
# After this many failed runs in a row the trouble is the server's, not the single runs'.
_IN_A_ROW = 8


class NewRuns:
    """Takes the listed runs. One thread may call ``take_all``; any thread may call ``kill``."""

    def __init__(
        self,
        access: ServerAccess,
        preparer: RunPreparer,
        reports: Reports,
        control: RunKiller,
        known_runs: KnownRunCheck,
        postponed: PostponedRuns,
    ) -> None:
        """``postponed`` holds the runs that wait for another try."""
        self._rest = access.rest
        self._node_id = access.identity.node_id
        self._preparer = preparer
        self._reports = reports
        self._control = control
        self._known_runs = known_runs
        self._postponed = postponed
        self._in_a_row = 0
        # Open at the server while their end is being sent; the values are their tasks' times.
        self._done: dict[int, str] = {}
        self._killed: set[int] = set()
        self._kills = RecentKills()
        self._on_their_way: set[int] = set()
        self._lock = threading.Lock()
        self._pool = DaemonPool("take in", _THREADS)

    def stop(self) -> None:
        """Take no more runs."""
        self._pool.stop()

    def kill(self, run_ids: Iterable[int] | None, task_ids: Iterable[int] = ()) -> None:
        """Stop runs on their way into the engine: the runs of ``run_ids``, or all for None.

        With None, the runs of ``task_ids`` are killed as well: tasks that have still to be read.
        """
        run_ids = None if run_ids is None else tuple(run_ids)
        self._kills.note(run_ids, task_ids)
        with self._lock:
            moving = self._on_their_way
            named = moving if run_ids is None else moving & set(run_ids)
            self._killed |= named | self._postponed.retry_now(run_ids)

    def forget_all_but(self, listed: set[int], began_at: float) -> None:
        """Forget all runs that are not in ``listed``, the server's open runs of a full reading."""
        with self._lock:
            self._killed &= listed | self._on_their_way
        self._done = {run_id: at for run_id, at in self._done.items() if run_id in listed}
        self._known_runs.forget_all_but(listed)
        self._kills.forget(began_at)

    def take_all(self, here: set[int], listed: set[int], **narrowed: int) -> None:
        """Take the runs that are open at the server and new here.

        Args:
            here: ids of the runs that the engine has; the taken runs' ids are added.
            listed: the ids of the runs that are open at the server are added.
            narrowed: additional parameters of the request, for example a task's id.

        Raises:
            ServerError: the list cannot be read, or more than single runs have trouble.
        """
        asked_at = time.monotonic()
        for page in self._rest.pages_from_last("run", _PAGE, **self._asked(narrowed)):
            self._take(page, here, listed, asked_at)

    def take_newest(self, tasks: int, here: set[int], listed: set[int]) -> bool:
        """Take the runs of that many newest tasks; return whether no more new runs follow.

        Raise the errors of ``take_all``.
        """
        asked_at = time.monotonic()
        # The server takes time for each listed run. One more than the new runs is a known run.
        size = min(_PAGE, tasks + 1)
        page = self._rest.get("run", **self._asked({}), per_page=size, page=1)
        items, known = data_of(page), set(here)
        self._take(items, here, listed, asked_at)
        # The next pages list older runs: after a known run no new run follows.
        return last_page(page) == 1 or any(run_id in known for run_id in map(id_in, items))

    def _asked(self, narrowed: dict[str, int]) -> dict[str, Any]:
        return {"state": "open", "node_id": self._node_id, "include": "task", **narrowed}

    def _take(self, page: list[Any], here: set[int], listed: set[int], asked_at: float) -> None:
        """Take the new runs of a page, oldest first."""
        found = [request for item in page if (request := self._parse(item, here, listed))]
        self._in_a_row = 0
        waiting: deque[tuple[RunRequest, Future[Prepared | None]]] = deque()
        try:
            for request in sorted(found, key=lambda request: request.run_id):
                if not self._is_new(request, here, asked_at):
                    continue
                with self._lock:
                    self._on_their_way.add(request.run_id)
                failures = self._postponed.failures(request.run_id)
                asked = self._pool.ask(self._preparer.prepare, request, failures)
                waiting.append((request, asked))
                if len(waiting) >= _AHEAD:
                    self._submit(*waiting.popleft(), here)
            while waiting:
                self._submit(*waiting.popleft(), here)
        finally:
            for request, future in waiting:
                future.cancel()
                self._no_longer_on_its_way(request.run_id)

    def _is_new(self, request: RunRequest, here: set[int], asked_at: float) -> bool:
        """Return whether to take the run now; the node requested the list at ``asked_at``."""
        run_id = request.run_id
        if self._done.get(run_id) == request.created_at or run_id in self._on_their_way:
            return False
        decision = self._known_runs.decide(request, here)
        if decision is Decision.REFUSED:
            self._done[run_id] = request.created_at
        if decision is not Decision.TAKE:
            return False
        if self._kills.covers(request, asked_at):
            with self._lock:
                self._killed.add(run_id)
        return not self._was_killed(request) and not self._postponed.is_waiting(run_id)

    def _parse(self, item: object, here: set[int], listed: set[int]) -> RunRequest | None:
        try:
            request = parse_run(item)
        except RunRequestError as error:
            self._not_readable(error, here, listed)
            return None
        listed.add(request.run_id)
        return request

    def _not_readable(self, error: RunRequestError, here: set[int], listed: set[int]) -> None:
        run_id = error.run_id
        if run_id is None:
            log.warning("an open run of the server cannot be read", reason=str(error))
            return
        listed.add(run_id)
        if run_id in self._done or run_id in here or run_id in self._on_their_way:
            return
        if self._known_runs.report_again(run_id):
            return
        self._done[run_id] = ""
        self._reports.refuse(run_id, None, RunStatus.FAILED, str(error))

    def _submit(self, request: RunRequest, future: Future[Prepared | None], here: set[int]) -> None:
        """Hand a prepared run to the engine; trouble with one run stops no other run."""
        try:
            self._hand_over(request, future.result(), here)
        except LoginRefusedError:
            raise
        except Exception as error:
            self._postpone(request, error)
            if isinstance(error, EngineBusyError) or self._in_a_row >= _IN_A_ROW:
                raise
        else:
            self._in_a_row = 0
            self._postponed.forget(request.run_id)
        finally:
            self._no_longer_on_its_way(request.run_id)

    def _hand_over(self, request: RunRequest, prepared: Prepared | None, here: set[int]) -> None:
        run_id = request.run_id
        if (
            prepared is None
            or self._was_killed(request)
            or not self._preparer.submit(request, prepared)
        ):
            self._done[run_id] = request.created_at
            return
        here.add(run_id)
        self._reports.trust(run_id, RunOrigin.of(request, self._rest.address))
        if run_id in self._killed:
            self._control.kill((run_id,))

    def _postpone(self, request: RunRequest, error: Exception) -> None:
        elsewhere = isinstance(error, RegistryAwayError)
        self._in_a_row += not elsewhere  # trouble at a registry is not the server's trouble
        failures = self._postponed.postpone(request.run_id, request.task_id)
        facts = {"run_id": request.run_id, "error": str(error), "tries": failures}
        if not is_worth_a_warning(failures):
            log.debug("run not taken yet: tried again", **facts)
        elif isinstance(error, ServerError) or elsewhere:
            log.warning("run not taken yet: tried again", **facts)
        else:
            log.error("run not taken yet: tried again", **facts, exc_info=error)

    def _was_killed(self, request: RunRequest) -> bool:
        run_id = request.run_id
        with self._lock:
            killed = run_id in self._killed
        if killed:
            self._done[run_id] = request.created_at
            self._postponed.forget(run_id)
            with self._lock:
                self._killed.discard(run_id)
            origin = RunOrigin.of(request)
            status, image = RunStatus.KILLED, request.image
            self._reports.refuse(run_id, origin, status, "Killed by user.", image)
        return killed

    def _no_longer_on_its_way(self, run_id: int) -> None:
        with self._lock:
            self._on_their_way.discard(run_id)
            if not self._postponed.failures(run_id):
                self._killed.discard(run_id)
