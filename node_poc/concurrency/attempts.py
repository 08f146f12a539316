"""Repeated attempts of a thread: counts the failures in a row, logs some of them, and waits."""

from __future__ import annotations

import threading
from typing import Any

from node_poc.concurrency.backoff import Backoff, is_worth_a_warning


def log_failure(log: Any, failures: int, event: str, **facts: object) -> None:
    """Log a failure by its number in a row: as a warning, or only for debugging if repeated."""
    tell = log.warning if is_worth_a_warning(failures) else log.debug
    tell(event, **facts, tries=failures)


class Attempts:
    """The attempts of one thread, which it repeats until it succeeds or ``stop`` is set."""

    def __init__(self, log: Any, backoff: Backoff, stop: threading.Event) -> None:
        """``log`` is the caller's logger; ``stop`` ends each wait."""
        self._log = log
        self._backoff = backoff
        self._stop = stop
        self._failures = 0

    def succeeded(self) -> None:
        """Count from zero again."""
        self._failures = 0

    def wait(self) -> None:
        """Wait a short time before the next attempt, after a success."""
        self._stop.wait(self._backoff.pause(self._failures))

    def failed(self, event: str, *, at_least: float = 0.0, **facts: object) -> None:
        """Count and log a failure, and wait before the next attempt, ``at_least`` some seconds.

        Once ``stop`` is set, failures are part of the end: nothing is logged.
        """
        if self._stop.is_set():
            return
        self._failures += 1
        pause = self._backoff.pause(self._failures, at_least)
        log_failure(self._log, self._failures, event, **facts, again_in_s=round(pause, 1))
        self._stop.wait(pause)
