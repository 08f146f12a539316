"""PURE: who may have how many connections, and what their requests' heads may take together.

When all places are taken, an address that holds few gets one of the address that holds most: so
many pods that each stay below their own limit cannot keep out another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from node_poc.proxy.settings import Limits


@dataclass(eq=False)
class Place:
    """One open connection. `close` ends it for another's sake."""

    address: str
    close: Callable[[], None]
    is_busy: bool = False
    head_bytes: int = 0


class Connections:
    """All places that are taken, by the address they are taken from."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._places: dict[str, dict[Place, None]] = {}  # of each the longest idle first
        self._head_bytes: Counter[str] = Counter()
        self._count = 0

    def take(self, address: str, close: Callable[[], None]) -> Place | None:
        """Return a place, or None if this address has no right to one more."""
        held = len(self._places.get(address, ()))
        if held >= self.limits.connections_of_one:
            return None
        if self._count >= self.limits.connections and not self._make_room(held):
            return None
        place = Place(address, close)
        self._places.setdefault(address, {})[place] = None
        self._count += 1
        return place

    def _make_room(self, held: int) -> bool:
        """Close one of the address that holds most, if that one then holds no fewer than this."""
        most = max(self._places.values(), key=len, default={})
        if len(most) < held + 2:
            return False
        idle = (place for place in most if not place.is_busy)
        victim = next(idle, None) or next(reversed(most))
        self.give_back(victim)
        victim.close()
        return True

    def set_busy(self, place: Place, *, is_busy: bool) -> None:
        """Note whether a request is in hand there: idle places are given up first."""
        place.is_busy = is_busy
        mine = self._places.get(place.address, {})
        if place in mine and not is_busy:
            del mine[place]
            mine[place] = None

    def set_head_bytes(self, place: Place, size: int) -> bool:
        """Note the size of the head in hand there; tells whether its address may hold so much."""
        if place not in self._places.get(place.address, {}):
            return False
        self._head_bytes[place.address] += size - place.head_bytes
        place.head_bytes = size
        return self._head_bytes[place.address] <= self.limits.head_bytes_of_one

    def give_back(self, place: Place) -> None:
        """It is closed; again makes no difference."""
        mine = self._places.get(place.address, {})
        if place not in mine:
            return
        del mine[place]
        self._count -= 1
        self._head_bytes[place.address] -= place.head_bytes
        if not mine:
            del self._places[place.address]
            del self._head_bytes[place.address]
