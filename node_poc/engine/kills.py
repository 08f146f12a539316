"""Requests to kill runs: ends runs of the book, and asks the disk about all others."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import structlog

from node_poc.concurrency.pool import DaemonPool
from node_poc.engine.book import RunBook
from node_poc.engine.messages import Kill, Message
from node_poc.engine.retention import Retention
from node_poc.runs.observed import KillRequested
from node_poc.runs.ports import KillOutcome

log = structlog.get_logger(__name__)


class Kills:
    """Handles requests to kill runs.

    Only the engine's thread may call ``handle``; the disk's thread looks up unknown runs.
    """

    def __init__(
        self,
        book: RunBook,
        retention: Retention,
        disk: DaemonPool,
        post: Callable[[Message], None],
        observe: Callable[[KillRequested], None],
    ) -> None:
        """``disk`` has one thread; ``observe`` handles a ``KillRequested`` at once."""
        self._book = book
        self._retention = retention
        self._disk = disk
        self._post = post
        self._observe = observe

    def handle(self, kill: Kill, pending: Collection[int]) -> None:
        """Kill the requested runs, or first let the disk's thread look up unknown runs.

        ``pending`` are the ids of the runs that the disk's thread is writing at the moment.
        """
        book = self._book
        wanted = kill.run_ids if kill.run_ids is not None else (*book.unended_ids(), *pending)
        # A run being written will soon be in the book: look up again after the disk's thread.
        unsure = [x for x in wanted if x not in book and (x not in kill.past or x in pending)]
        if unsure:
            self._disk.submit(self._look_up, replace(kill, run_ids=wanted), unsure)
            return
        outcomes = [self._kill(x) if x in book else kill.past[x] for x in wanted]
        kill.outcomes.set_result(outcomes)

    def _look_up(self, kill: Kill, run_ids: list[int]) -> None:
        found = {run_id: self._retention.find_outcome(run_id) for run_id in run_ids}
        self._post(replace(kill, past={**kill.past, **found}))

    def _kill(self, run_id: int) -> KillOutcome:
        if self._book[run_id].has_ended:
            return KillOutcome(run_id, "already ended", self._book[run_id].status)
        log.info("run is to be killed", run_id=run_id)
        self._observe(KillRequested(run_id))
        return KillOutcome(run_id, "killed", self._book[run_id].status)
