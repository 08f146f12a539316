"""Settles the images of waiting runs in threads of its own: a registry may be slow, or away.

A run joins the line only once its image is settled, so a registry that is away delays the runs with
its images, and no others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog

from node_poc.concurrency.pool import DaemonPool
from node_poc.engine.book import RunBook
from node_poc.engine.messages import ImageSettled, Message
from node_poc.engine.retries import Retries
from node_poc.engine.run_jobs import refused_by
from node_poc.runs.observed import ImageDelayed, StartRefused
from node_poc.runs.trusted_images import (
    ImageRefusedError,
    RegistryAwayError,
    SettledImage,
    registry_away,
)
from node_poc.storage.records import RunRecord

log = structlog.get_logger(__name__)

Settle = Callable[[str], SettledImage]


class ImageCalls:
    """Asks which image a run gets → ``ImageSettled``, ``ImageDelayed`` or ``StartRefused``."""

    def __init__(
        self,
        settle: Settle | None,
        post: Callable[[Message], None],
        book: RunBook,
        pool: DaemonPool,
        retries: Retries,
    ) -> None:
        """Make calls in the threads of ``pool``.

        Args:
            settle: see ``registry.settle.ImageSettler``; None only if ``book`` settles no images.
            post: hands a message to the engine; must not block.
            book: the engine's runs, of which the calls use only methods for any thread.
            pool: threads for this purpose only.
            retries: repeats calls while a registry is away.
        """
        self._settle = settle
        self._post = post
        self._book = book
        self._pool = pool
        self._retries = retries

    def settle(self, record: RunRecord) -> None:
        """Settle a run's image, with retries until the run waits no more."""
        call = partial(self._ask, record)
        self._retries.submit(self._pool, "image not settled", record.spec.run_id, call)

    def _ask(self, record: RunRecord) -> None:
        run_id = record.spec.run_id
        if self._settle is None or not self._book.waits_for_image(run_id):
            return
        try:
            self._post(ImageSettled(run_id, self._settle(record.spec.image)))
        except RegistryAwayError as error:
            self._post(ImageDelayed(run_id, registry_away(str(error))))
            raise
        except ImageRefusedError as error:
            log.warning("image refused", run_id=run_id, cause=error.failure.cause, error=str(error))
            self._post(StartRefused(run_id, error.failure, error.status))
        except Exception as error:  # an error in the node's own code must still end the run
            log.exception("image not settled", run_id=run_id)
            self._post(StartRefused(run_id, refused_by(error)))
