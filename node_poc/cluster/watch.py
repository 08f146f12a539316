"""Follow one kind of object: list, watch, and list again whenever the watch may be incomplete.

The list is the truth and the watch a hint: a watch can end, break silently, or start too far in
the past. Therefore each watch starts from a list, and the watcher lists again when the watch
breaks or expires, and on a timer. The callback gets each list as a whole and can tell which objects
are gone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.errors import ClusterError, ExpiredError
from node_poc.cluster.listing import list_all
from node_poc.concurrency.backoff import Backoff

log = structlog.get_logger(__name__)

# The API server ends a watch after this time; the next watch resumes there, without a list.
_WATCH_SECONDS = 240
# Bookmarks come once a minute: after a longer silence the connection must be dead.
_SILENCE_SECONDS = 100.0
# A watch has failed if it ends sooner, without an event.
_SHORT_SECONDS = 1.0
# List at least this often, however well the watch works.
_RELIST_SECONDS = 600.0
_BACKOFF = Backoff(0.2, 15.0)

Object = dict[str, Any]


@dataclass(frozen=True)
class Listed:
    """All objects at one moment, not before ``asked_at`` (monotonic seconds)."""

    objects: tuple[Object, ...]
    asked_at: float


@dataclass(frozen=True)
class Changed:
    """One object in its current state, or in its last state if ``gone``."""

    object: Object
    gone: bool


WatchUpdate = Listed | Changed


class Watcher:
    """A thread that follows the objects under one path that match a label selector."""

    def __init__(
        self,
        api: KubernetesApi,
        path: str,
        selector: str,
        on_update: Callable[[WatchUpdate], None],
        on_failure: Callable[[Exception], None] = lambda _error: None,
    ) -> None:
        """Prepare the thread, which calls the callbacks; both must not block.

        Args:
            api: the connection to the API server.
            path: path of the objects' list.
            selector: selects objects by their labels; empty selects all.
            on_update: called with each list and each change.
            on_failure: called with the error after each list or watch that failed, except for a
                watch that expired.
        """
        self._api = api
        self._path = path
        self._selector = selector
        self._on_update = on_update
        self._on_failure = on_failure
        self._stop = threading.Event()
        self._version: str | None = None
        self._listed_at = 0.0
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name=f"watch {path}", daemon=True)

    def start(self) -> None:
        """Start the thread; the first call of ``on_update`` gets a list."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end. A read may block the thread for long, hence it is a daemon."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._version is None or time.monotonic() - self._listed_at > _RELIST_SECONDS:
                    self._list()
                self._watch()
            except ExpiredError:
                # etcd compacts every few minutes, hence one expiry is normal. A server whose
                # watches do nothing but expire is faulty: pause.
                is_first = self._failures == 0
                delay = self._begin_anew()
                log.info("watch expired: it begins anew from a list", path=self._path)
                self._stop.wait(0.0 if is_first else delay)
            except Exception as error:  # without its watcher the node would be blind for ever
                if not isinstance(error, ClusterError):
                    log.exception("watch not understood", path=self._path)
                delay = self._begin_anew()
                log.warning("watch broke", path=self._path, error=str(error), again_in_s=delay)
                self._on_failure(error)
                self._stop.wait(delay)

    def _begin_anew(self) -> float:
        """Make the watcher list next; return how many seconds to wait before the list."""
        self._version = None
        self._failures += 1
        return _BACKOFF.pause(self._failures)

    def _list(self) -> None:
        asked_at = time.monotonic()
        objects, self._version = list_all(self._api, self._path, self._selector)
        self._listed_at = asked_at
        self._on_update(Listed(tuple(objects), asked_at))

    def _watch(self) -> None:
        query = [
            ("labelSelector", self._selector),
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(_WATCH_SECONDS)),
            ("resourceVersion", self._version or ""),
        ]
        began, had_event = time.monotonic(), False
        for event in self._api.stream(self._path, query, _SILENCE_SECONDS):
            had_event, self._failures = True, 0
            self._version = event["object"]["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                self._on_update(Changed(event["object"], event["type"] == "DELETED"))
            if self._stop.is_set():
                return
        if not had_event and time.monotonic() - began < _SHORT_SECONDS:
            # A proxy cuts the watch: without a pause and a list the node would be blind.
            raise ClusterError(f"WATCH {self._path}", 0, "EndedAtOnce", "ended without an event")
