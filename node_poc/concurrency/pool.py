"""A few threads for what takes time, so that nothing else ever waits for it.

Not a ThreadPoolExecutor: Python waits for its threads at exit, and a call to a cluster or a server
that has fallen silent would hold a node that is to end until the kubelet kills it.
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

# A thread without work for so long ends; the next work starts another.
_IDLE_SECONDS = 30.0


class DaemonPool:
    """Makes calls in threads that die with the process, in the order they were handed in."""

    def __init__(self, name: str, threads: int) -> None:
        """``name`` of its threads, and how many there are at the most.

        One is started when there is something to do and no other is free, and ends after a while
        without work.
        """
        self._name = name
        self._most = threads
        self._calls: deque[Callable[[], None]] = deque()
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0

    def submit(self, call: Callable[..., None], *arguments: object) -> None:
        """Let a thread make the call, which tells its outcome itself; an error is logged."""
        self._put(partial(_make, call, arguments))

    def ask(self, call: Callable[..., _T], *arguments: object) -> Future[_T]:
        """Let a thread make the call; its outcome or error comes by the future."""
        answer: Future[_T] = Future()
        self._put(partial(_make_for, answer, call, arguments))
        return answer

    def stop(self) -> None:
        """Begin no more calls; one that is under way dies with the process."""
        self._stopping.set()

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
        """The next call; None if this thread is to end."""
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
    except Exception:  # a thread must outlive what went wrong in one call
        # its arguments are not told: those of a run are the researcher's
        log.exception("call failed", call=getattr(call, "__name__", "?"))


def _make_for(answer: Future[_T], call: Callable[..., _T], arguments: tuple[object, ...]) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        answer.set_result(call(*arguments))
    except BaseException as error:
        answer.set_exception(error)
