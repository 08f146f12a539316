"""PURE: order of the runs, and pauses between them. The same seed gives the same plan."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

# The kubelet checks its containers once a second. Runs in step with the kubelet would all be lucky,
# or all be unlucky.
GAP_SECONDS = (0.2, 1.2)


class Who(StrEnum):
    """The client that carries out a run."""

    NODE = "node"
    RAW = "raw"


@dataclass(frozen=True)
class Step:
    """One run or one burst: the client, and the pause before the start."""

    who: Who
    gap_seconds: float


def interleaved(pairs: int, seed: int) -> list[Step]:
    """Return ``pairs`` runs of each client, pair by pair, in a random order within each pair."""
    dice = random.Random(seed)  # noqa: S311  an order, no secret
    steps = []
    for _ in range(pairs):
        pair = [Who.NODE, Who.RAW]
        dice.shuffle(pair)
        steps += [Step(who, dice.uniform(*GAP_SECONDS)) for who in pair]
    return steps
