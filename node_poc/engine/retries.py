"""Repeats failed calls until success, without flooding a cluster, disk or registry in trouble.

A call that the API may answer a moment later (no answer, 408, 429, 5xx, a conflict) is repeated
almost at once, but not before the end of the ``Retry-After`` that the API server names. A call that
the disk or a registry failed is repeated after some seconds. A refused call is repeated after
minutes, because a person has to change something first. All pauses grow, and have a random part.

The calls themselves try once: no other layer below repeats them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog

from node_poc.cluster.errors import ClusterError
from node_poc.concurrency.backoff import Backoff, is_worth_a_warning
from node_poc.concurrency.pool import DaemonPool
from node_poc.engine.messages import CallLater, Message
from node_poc.runs.trusted_images import RegistryAwayError
from node_poc.storage.records import StorageError

log = structlog.get_logger(__name__)

_PASSING = Backoff(0.1, 30.0)
_DISK = Backoff(2.5, 30.0)
_REGISTRY = Backoff(1.0, 30.0)
_REFUSED = Backoff(60.0, 900.0)
_Failed = ClusterError | StorageError | RegistryAwayError


@dataclass(frozen=True)
class _RepeatedCall:
    """A call for one run, and the number of its failures in a row of the same kind."""

    pool: DaemonPool
    what: str
    run_id: int
    call: Callable[[], None]
    backoff: Backoff = _PASSING
    failures: int = 0

    def failed(self, error: _Failed) -> _RepeatedCall:
        backoff = _backoff_after(error)
        failures = self.failures + 1 if backoff is self.backoff else 1
        return replace(self, failures=failures, backoff=backoff)

    @property
    def is_refused(self) -> bool:
        return self.backoff is _REFUSED

    @property
    def is_logged(self) -> bool:
        """Whether to log this failure. A refusal is logged once: repetition helps nobody."""
        return self.failures == 1 if self.is_refused else is_worth_a_warning(self.failures)


def _backoff_after(error: _Failed) -> Backoff:
    if isinstance(error, StorageError):
        return _DISK
    if isinstance(error, RegistryAwayError):
        return _REGISTRY
    return _PASSING if error.is_transient else _REFUSED


class Retries:
    """Repeats failed calls. Thread-safe.

    A new call replaces a waiting call of the same kind for the same run.
    """

    def __init__(self, post: Callable[[Message], None]) -> None:
        """``post`` hands a message to the engine, whose timers measure the pauses."""
        self._post = post
        self._lock = threading.Lock()
        self._wanted: dict[tuple[str, int], Callable[[], None]] = {}

    def submit(self, pool: DaemonPool, what: str, run_id: int, call: Callable[[], None]) -> None:
        """Let ``pool`` repeat the call until no error of the API, the disk or a registry is raised.

        ``what`` is the text for the log after a failure, and the kind of the call.
        """
        pool.submit(self._make, self._want(_RepeatedCall(pool, what, run_id, call)))

    def make(self, pool: DaemonPool, what: str, run_id: int, call: Callable[[], None]) -> None:
        """Make the call in this thread; after a failure let ``pool`` repeat the call."""
        self._make(self._want(_RepeatedCall(pool, what, run_id, call)))

    def drop(self, run_id: int) -> None:
        """Repeat no more calls for this run."""
        with self._lock:
            self._wanted = {key: call for key, call in self._wanted.items() if key[1] != run_id}

    def _want(self, tried: _RepeatedCall) -> _RepeatedCall:
        with self._lock:
            self._wanted[tried.what, tried.run_id] = tried.call
        return tried

    def _is_wanted(self, tried: _RepeatedCall) -> bool:
        with self._lock:
            return self._wanted.get((tried.what, tried.run_id)) is tried.call

    def _make(self, tried: _RepeatedCall) -> None:
        try:
            tried.call()
        except (ClusterError, StorageError, RegistryAwayError) as error:
            self._repeat_later(tried, error)
            return
        except BaseException:
            self._forget(tried)
            raise
        self._forget(tried)

    def _forget(self, tried: _RepeatedCall) -> None:
        with self._lock:
            if self._wanted.get((tried.what, tried.run_id)) is tried.call:
                del self._wanted[tried.what, tried.run_id]

    def _repeat_later(self, tried: _RepeatedCall, error: _Failed) -> None:
        failed = tried.failed(error)
        retry_after = error.retry_after_seconds if isinstance(error, ClusterError) else None
        seconds = failed.backoff.pause(failed.failures, retry_after or 0.0)
        if failed.is_logged:
            text = "call refused: made again, but rarely" if failed.is_refused else "call failed"
            what = {"what": failed.what, "run_id": failed.run_id, "again_in_s": seconds}
            log.warning(text, error=str(error), **what)
        self._post(CallLater(partial(self._repeat, failed), seconds))

    def _repeat(self, tried: _RepeatedCall) -> None:
        if self._is_wanted(tried):
            tried.pool.submit(self._make, tried)
