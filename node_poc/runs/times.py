"""PURE: times with fractions of a second, where Kubernetes reports whole seconds."""

from __future__ import annotations

# Seconds. A later observation says nothing about the fraction of Kubernetes' whole second.
_FRESH_SECONDS = 3.0
_LAST_OF_A_SECOND = 0.999999


def finer(told: float | None, seen_at: float | None) -> float | None:
    """Return the most precise known time of a moment.

    Args:
        told: Kubernetes' time, cut to a whole second. The moment lies within that second.
        seen_at: when the node observed the moment, or a more precise time; None: not observed at
            once.
    """
    if told is None:
        return seen_at
    if seen_at is None or not 0 <= seen_at - told < _FRESH_SECONDS:
        return told
    return min(seen_at, told + _LAST_OF_A_SECOND)
