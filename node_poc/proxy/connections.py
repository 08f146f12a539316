"""PURE: how many connections each address may have, and how many bytes their heads may take.

When all places are taken, an address with few connections gets a place from the address with the
most. Many pods that each stay below the limit of one address therefore cannot lock out another pod.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from node_poc.proxy.settings import Limits


@dataclass(eq=False)
class Place:
    """One open connection. `close` ends the connection to make room for another."""

    address: str
    close: Callable[[], None]
    is_busy: bool = False
    head_bytes: int = 0


class Connections:
    """All places that are taken, by the address of the caller."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._places: dict[str, dict[Place, None]] = {}  # for each address: longest idle first
        self._head_bytes: Counter[str] = Counter()
        self._count = 0

    def take(self, address: str, close: Callable[[], None]) -> Place | None:
        """Return a place, or None if this address may not have another place."""
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
        """Close a connection of the address with the most places; return whether a place is free.

        Args:
            held: number of places of the address that asks. The other address must still have at
                least as many places as the asking address after the change.
        """
        most = max(self._places.values(), key=len, default={})
        if len(most) < held + 2:
            return False
        idle = (place for place in most if not place.is_busy)
        victim = next(idle, None) or next(reversed(most))
        self.give_back(victim)
        victim.close()
        return True

    def set_busy(self, place: Place, *, is_busy: bool) -> None:
        """Note whether the connection is serving a request: idle connections are closed first."""
        place.is_busy = is_busy
        mine = self._places.get(place.address, {})
        if place in mine and not is_busy:
            del mine[place]
            mine[place] = None

    def set_head_bytes(self, place: Place, size: int) -> bool:
        """Note the size of the current head; return whether the address is within its limit."""
        if place not in self._places.get(place.address, {}):
            return False
        self._head_bytes[place.address] += size - place.head_bytes
        place.head_bytes = size
        return self._head_bytes[place.address] <= self.limits.head_bytes_of_one

    def give_back(self, place: Place) -> None:
        """Free the place of a closed connection; a second call changes nothing."""
        mine = self._places.get(place.address, {})
        if place not in mine:
            return
        del mine[place]
        self._count -= 1
        self._head_bytes[place.address] -= place.head_bytes
        if not mine:
            del self._places[place.address]
            del self._head_bytes[place.address]
