"""PURE: what the proxy refuses, and how often that is told to the log."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from http import HTTPStatus

_REMEMBERED = 1000


class RefusedError(Exception):
    """A request that is not carried out. `told` goes to the algorithm and to the log.

    It names neither the server's address nor anything of a token or body.
    """

    def __init__(self, status: HTTPStatus, told: str, *, closes: bool = False) -> None:
        """`closes`: the connection cannot be used for another request."""
        super().__init__(told)
        self.status = status
        self.told = told
        self.closes = closes


@dataclass
class _Kept:
    since: float
    repeats: int = 0


class RefusalLog:
    """Lets each kind of refusal of each caller through once a minute, with the count of the others.

    An algorithm that asks for the same thing for ever must not fill the site's disk with log lines.
    """

    def __init__(self, quiet_seconds: float = 60.0) -> None:
        self._quiet_seconds = quiet_seconds
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    def note(self, who: str, told: str, now: float) -> int | None:
        """Return how many were left out since the last line, or None if this one is left out."""
        key = (who, told)
        kept = self._kept.get(key)
        if kept is not None and now - kept.since < self._quiet_seconds:
            kept.repeats += 1
            return None
        self._kept[key] = _Kept(now)
        self._kept.move_to_end(key)
        if len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)
        return kept.repeats if kept else 0
