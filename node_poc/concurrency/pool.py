"""A pool of threads for slow calls, which must delay nothing else.

The pool is not a ThreadPoolExecutor, because Python waits for an executor's threads at exit: a call
to a silent cluster or server would then block the node's shutdown until the kubelet kills the node.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

import structlog

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

# A thread ends after this time without work; a later call starts another thread.
_IDLE_SECONDS = 30.0


class DaemonPool:
    """Makes calls in daemon threads, which end with the process, in the order of submission."""

    def __init__(self, name: str, threads: int) -> None:
        """Create a pool without threads.

        A thread starts for a call when no other thread is free, and ends after a time without work.

        Args:
            name: the prefix of the threads' names.
            threads: the maximum number of threads.
        """
        self._name = name
        self._most = threads
        self._calls: deque[Callable[[], None]] = deque()
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0

    def submit(self, call: Callable[..., None], *arguments: object) -> None:
        """Make the call in a thread. Errors are logged; the call must report its own outcome."""
        self._put(partial(_make, call, arguments))

    def ask(self, call: Callable[..., _T], *arguments: object) -> Future[_T]:
        """Make the call in a thread; return a future for its result or error."""
        answer: Future[_T] = Future()
        self._put(partial(_make_for, answer, call, arguments))
        return answer

    def stop(self) -> None:
        """Start no more calls; calls under way end with the process at the latest."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()

    def _put(self, call: Callable[[], None]) -> None:
        with self._changed:
            self._calls.append(call)
            if self._idle >= len(self._calls):
                self._changed.notify()
            elif self._threads < self._most:
                name = f"{self._name} {self._threads}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads += 1
                thread.start()

    def _work(self) -> None:
        while (call := self._next()) is not None:
            call()

    def _next(self) -> Callable[[], None] | None:
        """Return the next call, or None if the current thread must end."""
        with self._changed:
            while not self._calls and not self._stopping.is_set():
                self._idle += 1
                woken = self._changed.wait(_IDLE_SECONDS)
                self._idle -= 1
                if not woken and not self._calls:
                    self._threads -= 1
                    return None
            return None if self._stopping.is_set() else self._calls.popleft()


def _make(call: Callable[..., None], arguments: tuple[object, ...]) -> None:
    try:
        call(*arguments)
    except Exception:  # the thread must survive a failed call
        # Do not log the arguments: a run's arguments belong to the researcher.
        log.exception("call failed", call=getattr(call, "__name__", "?"))


def _make_for(answer: Future[_T], call: Callable[..., _T], arguments: tuple[object, ...]) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        answer.set_result(call(*arguments))
    except BaseException as error:
        answer.set_exception(error)
