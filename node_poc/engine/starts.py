"""Starts runs from the book's waiting line, and waits while a quota refuses Jobs.

A run whose Job a quota refuses keeps its place in the line, and no other run tries meanwhile: a
single run tries again after growing pauses, or when a Job of this node has gone.
"""

from __future__ import annotations

from functools import partial

import structlog

from node_poc.concurrency.backoff import Backoff
from node_poc.engine.background_calls import BackgroundCalls
from node_poc.engine.book import RunBook
from node_poc.engine.image_calls import ImageCalls
from node_poc.engine.timers import Timers
from node_poc.runs.model import Stage
from node_poc.runs.observed import StartPutOff

log = structlog.get_logger(__name__)

QUOTA_PAUSES = Backoff(2.0, 60.0)
# Kubernetes updates the usage of a quota a moment after an object has gone.
_COUNTED_SECONDS = 1.0


class Starts:
    """Starts runs and puts them off. Only the engine's thread may use this class."""

    def __init__(
        self, book: RunBook, calls: BackgroundCalls, images: ImageCalls, timers: Timers
    ) -> None:
        """All arguments belong to the engine."""
        self._book = book
        self._calls = calls
        self._images = images
        self._timers = timers

    def start_next(self) -> None:
        """Start runs until the book allows no more, and settle the images of added runs."""
        for added in self._book.take_unsettled():
            self._images.settle(added)
        while (record := self._book.take_next()) is not None:
            self._calls.create_job(record)

    def put_off(self, refused: StartPutOff) -> None:
        """Put a run that a quota refused back into the waiting line; one run tries again later.

        The caller has let the run observe the refusal.
        """
        run_id = refused.run_id
        if run_id not in self._book:
            return
        run = self._book[run_id]
        if run.stage is Stage.QUEUED and (seconds := self._book.put_back(run)) is not None:
            log.info("a quota is used up: tried again", run_id=run_id, again_in_s=seconds)
            self._timers.call_later(seconds, partial(self._resume, self._book.pauses))

    def on_job_gone(self) -> None:
        """Try again soon after a Job of this node has gone: a quota on Jobs may have room."""
        if self._book.quota_refuses:
            self._timers.call_later(_COUNTED_SECONDS, partial(self._resume, self._book.pauses))

    def _resume(self, pause: int) -> None:
        self._book.resume(pause)
        self.start_next()
