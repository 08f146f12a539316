"""PURE: the waiting line. Owners take turns, and each owner's runs go in the order they came.

An owner is whoever asked for a run: an organization, or a connection of the dummy server. So the
five hundred runs of one delay the next run of another by one place, and not by five hundred.
"""

from __future__ import annotations

import itertools
from bisect import insort
from collections.abc import Iterator


class FairLine:
    """Run ids that wait. Not thread-safe.

    An owner who comes goes behind all owners who wait, and so does one whose run was taken: nobody
    is overtaken twice by the same owner.
    """

    def __init__(self) -> None:
        """Nobody waits."""
        self._numbers = itertools.count()
        # Of each run that waits or was taken and may come back: its owner, and its arrival.
        self._owner: dict[int, str] = {}
        self._arrival: dict[int, int] = {}
        self._taken_in: dict[int, int] = {}
        self._waiting: dict[str, list[tuple[int, int]]] = {}
        self._turn: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def __iter__(self) -> Iterator[int]:
        """Give the run ids in the order in which they are taken if nobody else comes."""
        waiting = [self._waiting[owner] for owner in self._owners()]
        for place in itertools.count():
            waiting = [runs for runs in waiting if place < len(runs)]
            if not waiting:
                return
            for runs in waiting:
                yield runs[place][1]

    def add(self, run_id: int, owner: str) -> int:
        """Let a run wait, behind all others of its owner; returns how many come before it."""
        self._owner[run_id] = owner
        self._arrival[run_id] = next(self._numbers)
        self._enter(run_id, next(self._numbers))
        return self._before(owner)

    def put_back(self, run_id: int) -> None:
        """Let a run that was taken wait again where it stood, as if it had not been taken."""
        self._enter(run_id, self._taken_in.pop(run_id))

    def take(self, run_id: int) -> None:
        """Take a run that waits; its owner's next one comes after those of all others."""
        owner = self._owner[run_id]
        self._taken_in[run_id] = self._turn[owner]
        self._leave(run_id, owner)
        if owner in self._turn:
            self._turn[owner] = next(self._numbers)

    def forget(self, run_id: int) -> None:
        """Let a run go that waits no more and does not come back; an unknown one is fine."""
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
        """How many come before the last run of ``owner``."""
        own = len(self._waiting[owner]) - 1
        before, passed = own, False
        for other in self._owners():
            passed = passed or other == owner
            if other != owner:
                before += min(len(self._waiting[other]), own if passed else own + 1)
        return before
