"""PURE: the waiting line. Owners take turns; each owner's runs start in the order of arrival.

The owner of a run asked for the run: an organization, or a connection of the dummy server. Thanks
to the turns, 500 waiting runs of one owner delay another owner's next run by one place, not by 500.
"""

from __future__ import annotations

import itertools
from bisect import insort
from collections.abc import Iterator


class FairLine:
    """The ids of the waiting runs. Not thread-safe.

    A new owner's turn comes after the turns of all waiting owners, and so does the turn of an owner
    whose run was just taken: no owner overtakes another owner twice.
    """

    def __init__(self) -> None:
        """Create an empty line."""
        self._numbers = itertools.count()
        # Owner and arrival number of each run that waits, or was taken and may return.
        self._owner: dict[int, str] = {}
        self._arrival: dict[int, int] = {}
        self._taken_in: dict[int, int] = {}
        self._waiting: dict[str, list[tuple[int, int]]] = {}
        self._turn: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def __iter__(self) -> Iterator[int]:
        """Yield the run ids in the order of their start, if no further run arrives."""
        waiting = [self._waiting[owner] for owner in self._owners()]
        for place in itertools.count():
            waiting = [runs for runs in waiting if place < len(runs)]
            if not waiting:
                return
            for runs in waiting:
                yield runs[place][1]

    def add(self, run_id: int, owner: str) -> int:
        """Add a run behind all others of its owner; return the number of runs before the run."""
        self._owner[run_id] = owner
        self._arrival[run_id] = next(self._numbers)
        self._enter(run_id, next(self._numbers))
        return self._before(owner)

    def put_back(self, run_id: int) -> None:
        """Put a run back into its former place, as if ``take`` had not been called."""
        self._enter(run_id, self._taken_in.pop(run_id))

    def take(self, run_id: int) -> None:
        """Take a waiting run; its owner's next turn comes after the turns of all others."""
        owner = self._owner[run_id]
        self._taken_in[run_id] = self._turn[owner]
        self._leave(run_id, owner)
        if owner in self._turn:
            self._turn[owner] = next(self._numbers)

    def forget(self, run_id: int) -> None:
        """Forget a run that will not wait again; an unknown id is no error."""
        owner = self._owner.get(run_id)
        if owner is None:
            return
        if run_id not in self._taken_in:
            self._leave(run_id, owner)
        self._taken_in.pop(run_id, None)
        del self._owner[run_id], self._arrival[run_id]

    def _enter(self, run_id: int, turn: int) -> None:
        owner = self._owner[run_id]
        insort(self._waiting.setdefault(owner, []), (self._arrival[run_id], run_id))
        self._turn[owner] = min(turn, self._turn.get(owner, turn))

    def _leave(self, run_id: int, owner: str) -> None:
        runs = self._waiting[owner]
        runs.remove((self._arrival[run_id], run_id))
        if not runs:
            del self._waiting[owner], self._turn[owner]

    def _owners(self) -> list[str]:
        return sorted(self._turn, key=self._turn.__getitem__)

    def _before(self, owner: str) -> int:
        """Return the number of runs before the last run of ``owner``."""
        own = len(self._waiting[owner]) - 1
        before, passed = own, False
        for other in self._owners():
            passed = passed or other == owner
            if other != owner:
                before += min(len(self._waiting[other]), own if passed else own + 1)
        return before
