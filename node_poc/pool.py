"""A few threads for what takes time, so that nothing else ever waits for it.

Not a ThreadPoolExecutor: Python waits for its threads at exit, and a call to a cluster or a server
that has fallen silent would hold a node that is to end until the kubelet kills it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

import structlog

log = structlog.get_logger(__name__)

_T = TypeVar("_T")


class DaemonPool:
    """Makes calls in threads that die with the process, in the order they were handed in."""

    def __init__(self, name: str, threads: int) -> None:
        """``name`` of its threads; each is started when there is something to do for it."""
        self._name = name
        self._most = threads
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

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
        self._calls.put(call)
        with self._lock:
            if len(self._threads) < self._most:
                name = f"{self._name} {len(self._threads)}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            if self._stopping.is_set():
                return
            call()


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
