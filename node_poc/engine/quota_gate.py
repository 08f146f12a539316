"""PURE: how many runs try to get in while a quota keeps them out: one, after growing pauses.

Every run that waits would be refused the same way, so only one asks on behalf of all. After one
that gets in two try, then four: when much room has come the line moves quickly, and a single place
costs a few requests and not one for each run that waits.
"""

from __future__ import annotations

from collections.abc import Callable

# With so many at once the gate is open again.
_OPEN = 64
# Each third try is of another run than the first: a refusal may be that one's alone.
_OTHER_EACH = 3


class Gate:
    """Open until a run is refused. Not thread-safe; knows no time."""

    def __init__(self, pause: Callable[[int], float]) -> None:
        """``pause`` gives the seconds to wait after so many refusals in a row."""
        self._pause = pause
        self._trying: set[int] = set()
        self._at_once: int | None = None
        self._paused = False
        self._refusals = 0
        self._tries = 0
        self.pauses = 0

    @property
    def is_open(self) -> bool:
        """Whether nothing keeps runs out, as far as is known."""
        return self._at_once is None

    @property
    def lets_try(self) -> bool:
        """Whether one more run may try now."""
        if self._at_once is None:
            return True
        return not self._paused and len(self._trying) < self._at_once

    def choose(self, waiting: int) -> int:
        """Which of so many that wait tries next, counted from 0.

        The first, but now and then another: if that one gets in, the first is not waited for.
        """
        if self._at_once is None or waiting < 2 or self._tries % _OTHER_EACH != _OTHER_EACH - 1:
            return 0
        return 1 + self._tries // _OTHER_EACH % (waiting - 1)

    def tries(self, run_id: int) -> None:
        """A run tries to get in."""
        self._trying.add(run_id)
        if self._at_once is not None:
            self._tries += 1

    def leaves(self, run_id: int) -> None:
        """A run tries no more, for whatever reason; it says nothing about room."""
        self._trying.discard(run_id)

    def lets_in(self, run_id: int) -> None:
        """A run got in: there may be room for more."""
        if run_id not in self._trying:
            return
        self._trying.discard(run_id)
        if self._at_once is None or self._paused:
            return  # it was under way when another was refused
        self._refusals = 0
        self._at_once *= 2
        if self._at_once >= _OPEN:
            self._at_once = None
            self._tries = 0

    def refuses(self, run_id: int) -> float | None:
        """A run was refused; returns in how many seconds to ``resume``, None if that is known."""
        self._trying.discard(run_id)
        self._at_once = 1
        if self._paused:
            return None
        self._paused = True
        self.pauses += 1
        self._refusals += 1
        return self._pause(self._refusals)

    def resume(self, pause: int) -> None:
        """Let one try again, if the pause of this number still lasts."""
        if pause == self.pauses:
            self._paused = False
