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
from node_poc.engine.background_calls import BackgroundCalls
from node_poc.engine.intake import Intake
from node_poc.engine.messages import CallLater, Message, Retire
from node_poc.engine.retention import Retention

log = structlog.get_logger(__name__)


@dataclass
class Retirement:
    """Forgets past runs. Only the engine's thread may call ``handle``; pools do the slow calls."""

    intake: Intake
    calls: BackgroundCalls
    retention: Retention
    disk: DaemonPool
    post: Callable[[Message], None]
    _removing: set[int] = field(default_factory=set)
    _removed: set[int] = field(default_factory=set)

    def handle(self, request: Retire) -> None:
        """Take the next step to remove a run; ``request.done`` is True only if all traces are gone.

        The caller repeats the request until then. A crash in between does no harm: the node still
        knows the rest of the run, and further requests remove the rest.
        """
        run_id = request.run_id
        if self.intake.knows(run_id):
            request.done.set_result(False)
        elif run_id in self._removed:
            self._removed.discard(run_id)
            self.calls.drop_retries(run_id)  # pending calls for the removed Job
            self.disk.submit(self._retire, request)
        else:
            request.done.set_result(False)
            if run_id not in self._removing:
                self._removing.add(run_id)
                self.calls.remove_completely(run_id, partial(self._post_outcome, run_id))

    def _post_outcome(self, run_id: int, removed: bool) -> None:  # noqa: FBT001
        self.post(CallLater(partial(self._on_outcome, run_id, removed=removed), 0.0))

    def _on_outcome(self, run_id: int, *, removed: bool) -> None:
        self._removing.discard(run_id)
        if removed:
            self._removed.add(run_id)

    def _retire(self, request: Retire) -> None:
        """Forget the run. Runs in the disk's thread."""
        retired = False
        try:
            retired = self.retention.forget(request.run_id)
        finally:
            request.done.set_result(retired)
        if retired:
            log.info("a run is gone, its number is free", run_id=request.run_id)
