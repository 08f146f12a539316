"""PURE: Kubernetes' times, and fractions of a second where Kubernetes reports whole seconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

# Seconds. A later observation says nothing about the fraction of Kubernetes' whole second.
_FRESH_SECONDS = 3.0
_LAST_OF_A_SECOND = 0.999999


def parse_time(text: str | None) -> float | None:
    """Return Kubernetes' RFC 3339 time as seconds since the epoch; None if there is no time."""
    return datetime.fromisoformat(text).timestamp() if text else None


def event_time(event: Mapping[str, Any]) -> float:
    """Return when an Event was last reported, in seconds since the epoch; 0 if nothing tells.

    The two Event APIs fill in different fields, with and without fractions of a second.
    """
    series = event.get("series") or {}
    for text in (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        (event.get("metadata") or {}).get("creationTimestamp"),
    ):
        if text:
            return parse_time(text) or 0.0
    return 0.0


def finer(reported: float | None, seen_at: float | None) -> float | None:
    """Return the most precise known time of a moment.

    Args:
        reported: Kubernetes' time, cut to a whole second. The moment lies within that second.
        seen_at: when the node observed the moment, or a more precise time; None: not observed at
            once.
    """
    if reported is None:
        return seen_at
    if seen_at is None or not 0 <= seen_at - reported < _FRESH_SECONDS:
        return reported
    return min(seen_at, reported + _LAST_OF_A_SECOND)
