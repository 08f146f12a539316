"""Makes way for a run whose number another one had that is over: its Job goes, then its files.

A server may give the number of a deleted run to the next one (``protocol/vantage6/same_run.py``).
Names of Jobs and folders are made of the number, so nothing of the old run may be left.
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
    """Used by the engine's thread, which lets others call the cluster and the disk."""

    intake: Intake
    calls: Calls
    past: PastRuns
    disk: DaemonPool
    post: Callable[[Message], None]
    _clearing: set[int] = field(default_factory=set)
    _clear: set[int] = field(default_factory=set)

    def ask(self, wish: Retire) -> None:
        """Answer whether nothing is left of a run; if something is, begin to let it go.

        A crash in between does no harm: what is left then is known, and let go of once more.
        """
        run_id = wish.run_id
        if self.intake.has(run_id):
            wish.done.set_result(False)
        elif run_id in self._clear:
            self._clear.discard(run_id)
            self.calls.forget(run_id)  # what was still to be done about the Job that is gone
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
        """In the disk's thread."""
        retired = False
        try:
            retired = self.past.forget(wish.run_id)
        finally:
            wish.done.set_result(retired)
        if retired:
            log.info("a run is gone, its number is free", run_id=wish.run_id)
