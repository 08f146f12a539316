"""How long to wait before something is tried again, and when a failure is worth a warning."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Pauses that double from ``least`` to ``most`` seconds, each cut at random by up to half.

    At random, so that not all nodes of a server, or all watches of a node, come back at once.
    """

    least: float
    most: float

    def pause(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, to the hundredth."""
        ceiling = min(self.most, self.least * 2 ** min(failures, 10))
        return round(random.uniform(ceiling / 2, ceiling), 2)  # noqa: S311  jitter, no secret


def is_worth_a_warning(failures: int) -> bool:
    """Whether this failure in a row is told: the first, the tenth, and each hundredth."""
    return failures in {1, 10} or failures % 100 == 0
