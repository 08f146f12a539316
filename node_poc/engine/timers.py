"""Timers for later actions in the engine's thread."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable


class Timers:
    """Actions with due times, in monotonic seconds. Only one thread may use an instance."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()

    def call_later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` after ``seconds``."""
        entry = (time.monotonic() + seconds, next(self._sequence), action)
        heapq.heappush(self._due, entry)

    def wait_seconds(self, longest: float) -> float:
        """Return the seconds until the next action is due, at most ``longest``."""
        due = self._due[0][0] - time.monotonic() if self._due else longest
        return min(max(due, 0.0), longest)

    def run_due(self) -> None:
        """Call all actions that are due."""
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, _, action = heapq.heappop(self._due)
            action()
