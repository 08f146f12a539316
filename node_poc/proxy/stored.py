"""PURE: names of the blob store that were seen here, and whose they are.

A name alone tells nothing: the server gives a blob to all of its collaboration, and does not say
whose it is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, TypeVar

Owner = TypeVar("Owner")


class StoredNames(Generic[Owner]):
    """Names by owner, a limited number: who has most loses the oldest."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._names: dict[Owner, OrderedDict[str, None]] = {}
        self._count = 0

    def add(self, owner: Owner, names: Iterable[str]) -> None:
        """Remember that these are this owner's."""
        for name in names:
            mine = self._names.setdefault(owner, OrderedDict())
            self._count += name not in mine
            mine[name] = None
            mine.move_to_end(name)
            if self._count > self._most:
                self._forget_one()

    def _forget_one(self) -> None:
        owner, names = max(self._names.items(), key=lambda item: len(item[1]))
        names.popitem(last=False)
        self._count -= 1
        if not names:
            del self._names[owner]

    def of(self, owner: Owner) -> frozenset[str]:
        """Return all that are known to be this owner's."""
        return frozenset(self._names.get(owner, ()))

    def has(self, owner: Owner, name: str) -> bool:
        """Whether this name is known to be this owner's."""
        return name in self._names.get(owner, ())
