"""The janitor: a slow thread that removes the folders of past runs after their keep time.

The janitor finds folders that are due, asks the engine to discard them (the engine knows whether a
run is active, and lets its disk thread move the folders to the trash), and empties the trash. A
round has bounded work; the next round does the rest.
"""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from concurrent.futures import Future

import structlog

from node_poc.engine.messages import FoldersExpired, Message
from node_poc.storage.inputs import remove_left_inputs
from node_poc.storage.past import PastRecords
from node_poc.storage.records import Records, StorageError

log = structlog.get_logger(__name__)

_ROUND_SECONDS = 60.0
_ENGINE_SECONDS = 20.0
_REMOVED_IN_A_ROUND = 200


class Janitor:
    """Cleans up in one thread. Errors of a round are logged, and the next round follows."""

    def __init__(
        self, past: PastRecords, records: Records, post: Callable[[Message], None]
    ) -> None:
        """``post`` hands a message to the engine."""
        self._past = past
        self._records = records
        self._inputs_left = True
        self._post = post
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="janitor", daemon=True)

    def start(self) -> None:
        """Start the thread. The first round is now: a former process may have left trash."""
        self._thread.start()

    def stop(self) -> None:
        """Start no more rounds; the rest of the trash is removed after the node's next start."""
        self._stop.set()

    def _is_going(self) -> bool:
        return not self._stop.is_set()

    def _run(self) -> None:
        while self._is_going():
            try:
                self._round()
            except StorageError as error:
                log.warning("old folders not looked for", error=str(error))
            except concurrent.futures.TimeoutError:
                log.warning("the engine is busy: old folders are removed later")
            except Exception:  # without this thread, old folders would fill the disk
                log.exception("old folders not removed")
            self._stop.wait(_ROUND_SECONDS)

    def _round(self) -> None:
        if self._inputs_left:
            if removed := remove_left_inputs(self._records, self._is_going):
                log.info("inputs and tokens of ended runs removed", files=removed)
            self._inputs_left = False
        runs = tuple(self._past.due(_REMOVED_IN_A_ROUND))
        volumes = tuple(self._past.unused_volumes(_REMOVED_IN_A_ROUND))
        if runs or volumes:
            expired = FoldersExpired(runs, volumes, Future())
            self._post(expired)
            expired.done.result(_ENGINE_SECONDS)
        for trouble in self._past.empty_trash(self._is_going):
            log.warning("not removed", what=trouble)
        if forgotten := self._past.forget_oldest():
            log.info("removed runs forgotten: too many to remember", count=forgotten)
