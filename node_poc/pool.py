"""The few threads that make API calls, so that nothing else ever waits for one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

log = structlog.get_logger(__name__)

_THREADS = 8


class ApiPool:
    """Does calls that take time. A call tells its outcome itself, by a message."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="api")

    def submit(self, call: Callable[..., None], *arguments: object) -> None:
        """Let a thread make the call; after ``stop`` it is left to the next start."""

        def guarded() -> None:
            try:
                call(*arguments)
            except Exception:  # told, because a future that nobody asks keeps it to itself
                log.exception("call failed", call=call.__name__)

        try:
            self._executor.submit(guarded)
        except RuntimeError:
            log.debug("call left to the next start", call=call.__name__)

    def stop(self) -> None:
        """Begin no more calls."""
        self._executor.shutdown(wait=False, cancel_futures=True)
