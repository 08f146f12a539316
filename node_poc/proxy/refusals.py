"""PURE: the refusals of the proxy, and how often a refusal is written to the log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

_REMEMBERED = 1000


class RequestRefusedError(Exception):
    """A refused request: the algorithm gets the text `reason`, the log gets `kind`.

    Neither text holds the server's address or any part of a token or body.
    """

    def __init__(
        self,
        status: HTTPStatus,
        reason: str,
        *,
        kind: str | None = None,
        about: Mapping[str, int] | None = None,
        closes: bool = False,
    ) -> None:
        """Make a refusal.

        Args:
            status: HTTP status of the answer.
            reason: the reason, for the algorithm.
            kind: the reason, for the log; `reason` is enough if there are only few different texts.
                Each kind is logged once a minute, so `kind` must not hold any text that an
                algorithm or the server chooses.
            about: numbers for the log, by name.
            closes: whether the connection cannot be used for another request.
        """
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.kind = kind or reason
        self.about = dict(about or {})
        self.closes = closes


@dataclass
class _Kept:
    since: float
    repeats: int = 0


class RefusalLog:
    """Log each kind of refusal of each caller once a minute, with the count of repeats.

    An algorithm that repeats a refused request for ever must not fill the site's disk with log
    lines. A caller is identified by its address: a sender can change the claims of a token each
    time.
    """

    def __init__(self, quiet_seconds: float = 60.0) -> None:
        self._quiet_seconds = quiet_seconds
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    def note(self, address: str, kind: str, now: float) -> int | None:
        """Return the number of repeats since the last line, or None if nothing is to be logged."""
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
