"""PURE: what is done in which order, and after which pause. The same seed gives the same plan."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

# The kubelet looks at its containers once a second. Runs that start in step with it would all be
# lucky, or all be unlucky.
GAP_SECONDS = (0.2, 1.2)


class Who(StrEnum):
    """Who carries out a run."""

    NODE = "node"
    RAW = "raw"


@dataclass(frozen=True)
class Step:
    """One run, or one burst: who, and the pause before it."""

    who: Who
    gap_seconds: float


def interleaved(pairs: int, seed: int) -> list[Step]:
    """So many runs of each, pair by pair, in a random order within each pair."""
    dice = random.Random(seed)  # noqa: S311  an order, no secret
    steps = []
    for _ in range(pairs):
        pair = [Who.NODE, Who.RAW]
        dice.shuffle(pair)
        steps += [Step(who, dice.uniform(*GAP_SECONDS)) for who in pair]
    return steps
