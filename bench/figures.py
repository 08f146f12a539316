"""PURE: the statistics: few and plain functions that readers can verify."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

_RESAMPLES = 2000


def quantile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank quantile: the smallest value that ``share`` of all do not exceed.

    The result is always one of the values; of fewer than 100 values the 0.99 quantile is the
    largest.
    """
    if not values:
        raise ValueError("no values")
    if not 0 < share <= 1:
        raise ValueError("share must be above 0 and at most 1")
    # Rounding errors may make a product such as 0.99 * 100 a little too large.
    rank = math.ceil(round(share * len(values), 9))
    return sorted(values)[rank - 1]


def median(values: Sequence[float]) -> float:
    """Return the middle value; of an even number, the mean of the two in the middle."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def ratio_of_medians(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of ``ours`` over the median of ``theirs``."""
    return median(ours) / median(theirs)


def ratio_interval(
    ours: Sequence[float], theirs: Sequence[float], seed: int = 1
) -> tuple[float, float]:
    """Return the 95 % confidence interval of the ratio of medians (percentile bootstrap)."""
    dice = random.Random(seed)  # noqa: S311  statistics, no secret
    ratios = [
        ratio_of_medians(
            dice.choices(ours, k=len(ours)),
            dice.choices(theirs, k=len(theirs)),
        )
        for _ in range(_RESAMPLES)
    ]
    return quantile(ratios, 0.025), quantile(ratios, 0.975)
