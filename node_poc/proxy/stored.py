"""PURE: names of blobs that passed through the proxy, and the owner of each blob.

A blob's name alone does not show the owner: the server gives a blob to every member of the
collaboration, and does not name the owner.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, TypeVar

Owner = TypeVar("Owner")


class StoredNames(Generic[Owner]):
    """Names of blobs by owner. Above the limit, the owner with the most names loses the oldest."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._names: dict[Owner, OrderedDict[str, None]] = {}
        self._count = 0

    def add(self, owner: Owner, names: Iterable[str]) -> None:
        """Remember that the named blobs belong to the owner."""
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
        """Return all blobs that are known to belong to the owner."""
        return frozenset(self._names.get(owner, ()))

    def has(self, owner: Owner, name: str) -> bool:
        """Return whether the named blob is known to belong to the owner."""
        return name in self._names.get(owner, ())
