"""Removes a past run whose id the server has given to a new run: first the Job, then the files.

A server may give the id of a deleted run to the next run (``protocol/vantage6/same_run.py``).
The names of Jobs and folders contain the id, so nothing of the old run may be left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import structlog

from node_poc.concurrency.pool import DaemonPool
from node_poc.engine.background import Calls
from node_poc.engine.intake import Intake
from node_poc.engine.messages import Again, Message, Retire
from node_poc.engine.retention import PastRuns

log = structlog.get_logger(__name__)


@dataclass
class Retirement:
    """Forgets past runs. Only the engine's thread may call ``ask``; pools do the slow calls."""

    intake: Intake
    calls: Calls
    past: PastRuns
    disk: DaemonPool
    post: Callable[[Message], None]
    _clearing: set[int] = field(default_factory=set)
    _clear: set[int] = field(default_factory=set)

    def ask(self, wish: Retire) -> None:
        """Take the next step to remove a run; ``wish.done`` is True only if all traces are gone.

        The caller repeats the request until then. A crash in between does no harm: the node still
        knows the rest of the run, and further requests remove the rest.
        """
        run_id = wish.run_id
        if self.intake.has(run_id):
            wish.done.set_result(False)
        elif run_id in self._clear:
            self._clear.discard(run_id)
            self.calls.forget(run_id)  # pending calls for the removed Job
            self.disk.submit(self._retire, wish)
        else:
            wish.done.set_result(False)
            if run_id not in self._clearing:
                self._clearing.add(run_id)
                self.calls.clear(run_id, lambda clear: self._told(run_id, clear=clear))

    def _told(self, run_id: int, *, clear: bool) -> None:
        self.post(Again(partial(self._cleared, run_id, clear=clear), 0.0))

    def _cleared(self, run_id: int, *, clear: bool) -> None:
        self._clearing.discard(run_id)
        if clear:
            self._clear.add(run_id)

    def _retire(self, wish: Retire) -> None:
        """Forget the run. Runs in the disk's thread."""
        retired = False
        try:
            retired = self.past.forget(wish.run_id)
        finally:
            wish.done.set_result(retired)
        if retired:
            log.info("a run is gone, its number is free", run_id=wish.run_id)
