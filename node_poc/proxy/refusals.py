"""PURE: what the proxy refuses, and how often that is told to the log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

_REMEMBERED = 1000


class RefusedError(Exception):
    """A request that is not carried out: `told` goes to the algorithm, `kind` to the log.

    Neither names the server's address nor anything of a token or body.
    """

    def __init__(
        self,
        status: HTTPStatus,
        told: str,
        *,
        kind: str | None = None,
        about: Mapping[str, int] | None = None,
        closes: bool = False,
    ) -> None:
        """Make a refusal.

        Args:
            status: of the answer.
            told: why, for the algorithm.
            kind: why, for the log; the same as `told` if that is one of few texts. Each kind is
                logged once a minute, so nothing that an algorithm or the server chooses may stand
                in it.
            about: numbers for the log, by name.
            closes: the connection cannot be used for another request.
        """
        super().__init__(told)
        self.status = status
        self.told = told
        self.kind = kind or told
        self.about = dict(about or {})
        self.closes = closes


@dataclass
class _Kept:
    since: float
    repeats: int = 0


class RefusalLog:
    """Lets each kind of refusal of each caller through once a minute, with the count of the others.

    An algorithm that asks for the same thing for ever must not fill the site's disk with log lines.
    A caller is an address: what a token says of itself, whoever sends it can change each time.
    """

    def __init__(self, quiet_seconds: float = 60.0) -> None:
        self._quiet_seconds = quiet_seconds
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    def note(self, address: str, kind: str, now: float) -> int | None:
        """Return how many were left out since the last line, or None if this one is left out."""
        key = (address, kind)
        kept = self._kept.get(key)
        if kept is not None and now - kept.since < self._quiet_seconds:
            kept.repeats += 1
            return None
        self._kept[key] = _Kept(now)
        self._kept.move_to_end(key)
        if len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)
        return kept.repeats if kept else 0
