"""The few threads that make API calls, so that nothing else ever waits for one.

Not a ThreadPoolExecutor: Python waits for its threads at exit, and a call to a cluster that has
fallen silent would hold a node that is to end until the kubelet kills it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from functools import partial

import structlog

log = structlog.get_logger(__name__)

_THREADS = 8


class ApiPool:
    """Does calls that take time. A call tells its outcome itself, by a message."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[partial[None]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def submit(self, call: Callable[..., None], *arguments: object) -> None:
        """Let a thread make the call; after ``stop`` it is left to the next start."""
        self._calls.put(partial(call, *arguments))
        with self._lock:
            if len(self._threads) < _THREADS:
                name = f"api {len(self._threads)}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def stop(self) -> None:
        """Begin no more calls; one that is under way dies with the process."""
        self._stopping.set()

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            if self._stopping.is_set():
                return
            try:
                call()
            except Exception:  # a thread must outlive what went wrong in one call
                # its arguments are not told: those of a run are the researcher's
                log.exception("call failed", call=call.func.__name__)
