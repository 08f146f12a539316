"""PURE but for its clock: how fast logs are followed, for one run and for all together.

A run that prints newlines only makes millions of lines a second, each of which comes with a time
stamp. Following all of them would cost node, API server and kubelet more than the run itself. So
each run has a budget, and all together have one; who has used both up is left alone for a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# What comes in many small pieces costs more than its bytes.
_PIECE = 128
_MIB = 1 << 20
# Bytes a second that are followed for long, and bytes that may come at once before that counts.
_RUN = (2 * _MIB, 32 * _MIB)
_ALL = (8 * _MIB, 128 * _MIB)


class _Bucket:
    """Fills at ``rate`` a second up to ``most``; may be drawn below nothing."""

    def __init__(self, rate: float, most: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rate = rate
        self._level = self.most = most
        self._filled_at = clock()

    @property
    def level(self) -> float:
        now = self._clock()
        self._level = min(self.most, self._level + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return self._level

    def draw(self, count: float) -> None:
        self._level = self.level - count

    def seconds_until(self, level: float) -> float:
        return max(0.0, (level - self.level) / self._rate)


class LogPace:
    """The budget of all runs. Thread-safe enough: a count that two threads draw at once is small.

    A run's own budget may be used up only half before the common one counts for it: so quiet runs
    are followed at once, however much the others print.
    """

    def __init__(
        self,
        run: tuple[float, float] = _RUN,
        together: tuple[float, float] = _ALL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Each budget: bytes a second, and bytes at once."""
        self._run = run
        self._clock = clock
        self._all = _Bucket(*together, clock)

    def of_a_run(self) -> RunPace:
        """The budget of one run."""
        return RunPace(_Bucket(*self._run, self._clock), self._all)


class RunPace:
    """The budget of one run."""

    def __init__(self, own: _Bucket, together: _Bucket) -> None:
        """``together`` is that of all."""
        self._own = own
        self._all = together

    def came(self, count: int) -> None:
        """So many bytes came in one piece."""
        self._own.draw(count + _PIECE)
        self._all.draw(count + _PIECE)

    def pause(self) -> float:
        """Seconds for which the run is to be left alone; 0: it may go on."""
        half = self._own.most / 2
        own = self._own.level
        if own > 0 and (own > half or self._all.level > 0):
            return 0.0
        return max(self._own.seconds_until(half), 0.1)
