"""Pauses between retries, and the choice of failures to log."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Pauses that double from ``least`` to ``most`` seconds, each cut at random by up to half.

    The random part keeps all nodes of a server, or all watches of a node, from retrying at once.
    """

    least: float
    most: float

    def pause(self, failures: int, at_least: float = 0.0) -> float:
        """Return the seconds to wait after ``failures`` in a row, rounded to hundredths.

        ``at_least`` are the seconds that the other side asked for, as in ``Retry-After``; more than
        ``most`` are not waited.
        """
        ceiling = min(self.most, self.least * 2 ** min(failures, 10))
        pause = round(random.uniform(ceiling / 2, ceiling), 2)  # noqa: S311  jitter, no secret
        return max(pause, min(at_least, self.most))


def is_worth_a_warning(failures: int) -> bool:
    """Whether to log a failure, by its number in a row: the first, the tenth, each hundredth."""
    return failures in {1, 10} or failures % 100 == 0
