"""PURE: limits the attempts to create Jobs while a quota refuses them.

The quota would refuse every waiting run alike, so only one run tries, after growing pauses. After a
success two runs may try at a time, then four: with much room the line moves quickly, and a single
free place costs a few requests instead of a request for each waiting run.
"""

from __future__ import annotations

from collections.abc import Callable

# The gate opens fully when this many runs may try at a time.
_OPEN = 64
# Every third try is not the first run's: the quota may refuse only the first run, as too large.
_OTHER_EACH = 3


class QuotaGate:
    """Open until a quota refuses a run. Not thread-safe; measures no time."""

    def __init__(self, pause: Callable[[int], float]) -> None:
        """``pause`` maps the number of refusals in a row to the seconds to wait."""
        self._pause = pause
        self._trying: set[int] = set()
        self._at_once: int | None = None
        self._paused = False
        self._refusals = 0
        self._tries = 0
        self.pauses = 0

    @property
    def is_open(self) -> bool:
        """Whether any number of runs may try, judging by the latest attempts."""
        return self._at_once is None

    @property
    def may_try(self) -> bool:
        """Whether one more run may try now."""
        if self._at_once is None:
            return True
        return not self._paused and len(self._trying) < self._at_once

    def choose(self, waiting: int) -> int:
        """Return the index, from 0, of the run to try next among ``waiting`` runs.

        Mostly 0; every third try another index, because the quota may admit a smaller run.
        """
        if self._at_once is None or waiting < 2 or self._tries % _OTHER_EACH != _OTHER_EACH - 1:
            return 0
        return 1 + self._tries // _OTHER_EACH % (waiting - 1)

    def note_try(self, run_id: int) -> None:
        """Note that a run tries to create its Job."""
        self._trying.add(run_id)
        if self._at_once is not None:
            self._tries += 1

    def note_end(self, run_id: int) -> None:
        """Note the end of a run's try for a reason unrelated to the quota."""
        self._trying.discard(run_id)

    def note_success(self, run_id: int) -> None:
        """Note that a run's Job was created: there may be room for more."""
        if run_id not in self._trying:
            return
        self._trying.discard(run_id)
        if self._at_once is None or self._paused:
            return  # this try was under way when the quota refused another run
        self._refusals = 0
        self._at_once *= 2
        if self._at_once >= _OPEN:
            self._at_once = None
            self._tries = 0

    def note_refusal(self, run_id: int) -> float | None:
        """Note that the quota refused a run.

        Returns:
            the seconds until ``resume`` is due; None if an earlier refusal set a pause already.
        """
        self._trying.discard(run_id)
        self._at_once = 1
        if self._paused:
            return None
        self._paused = True
        self.pauses += 1
        self._refusals += 1
        return self._pause(self._refusals)

    def resume(self, pause: int) -> None:
        """End the pause, if ``pause`` is the number of the latest pause."""
        if pause == self.pauses:
            self._paused = False
