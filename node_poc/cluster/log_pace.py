"""PURE but for its clock: limits how fast the node follows logs, per run and over all runs.

A run that prints only newlines makes millions of lines a second, and the kubelet puts a time stamp
before each line. Following all of them would cost the node, the API server and the kubelet more
than the run itself: about 12 µs of a processor for each line, however short. Therefore a line has a
price beside its bytes, each run has a budget and all runs share another. The node pauses a
run's log when the run's budget is used up, or is half used up while the shared budget is used up.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# Each piece, and each line, costs as much as this many bytes, on top of its own bytes.
_PIECE = 128
_LINE = 256
_MIB = 1 << 20
# Sustained rate in bytes per second, and burst in bytes.
_RUN = (2 * _MIB, 32 * _MIB)
_ALL = (8 * _MIB, 128 * _MIB)


class _Bucket:
    """A token bucket: fills by ``rate`` per second up to ``most``; its level may go below 0."""

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
    """The budget of all runs.

    The shared budget limits a run only after the run has used up half of its own budget.
    Therefore the node follows quiet runs without a pause, however much the other runs print.

    Thread-safe enough: two threads that draw at the same time can lose only a small count.
    """

    def __init__(
        self,
        run: tuple[float, float] = _RUN,
        together: tuple[float, float] = _ALL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set the budgets.

        Args:
            run: each run's budget: bytes per second, and burst in bytes.
            together: the budget that all runs share, in the same form.
            clock: returns monotonic seconds.
        """
        self._run = run
        self._clock = clock
        self._all = _Bucket(*together, clock)

    def new_run_pace(self) -> RunPace:
        """Return a new budget for one run."""
        return RunPace(_Bucket(*self._run, self._clock), self._all)


class RunPace:
    """The budget of one run."""

    def __init__(self, own: _Bucket, together: _Bucket) -> None:
        """Draw from ``own``, the run's budget, and ``together``, the budget of all runs."""
        self._own = own
        self._all = together

    def note_piece(self, count: int, lines: int = 0) -> None:
        """Draw a piece of ``count`` bytes with the ends of ``lines`` lines from both budgets."""
        cost = count + _PIECE + lines * _LINE
        self._own.draw(cost)
        self._all.draw(cost)

    def pause(self) -> float:
        """Return for how many seconds to pause the run's log; 0 if reading may go on."""
        half = self._own.most / 2
        own = self._own.level
        if own > 0 and (own > half or self._all.level > 0):
            return 0.0
        return max(self._own.seconds_until(half), 0.1)
