"""PURE: times to the fraction of a second, where Kubernetes tells whole seconds."""

from __future__ import annotations

# What is seen later than this after it happened tells nothing of when in its second it did.
_FRESH_SECONDS = 3.0
_LAST_OF_A_SECOND = 0.999999


def finer(told: float | None, seen_at: float | None) -> float | None:
    """When something happened, as exactly as can be known.

    Args:
        told: what Kubernetes tells, cut to a whole second. The truth lies within that second.
        seen_at: when it was seen, or a better time of the same moment; None: not at once.
    """
    if told is None:
        return seen_at
    if seen_at is None or not 0 <= seen_at - told < _FRESH_SECONDS:
        return told
    return min(seen_at, told + _LAST_OF_A_SECOND)
