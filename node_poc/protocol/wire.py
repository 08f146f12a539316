"""PURE: what messages of every server have in common: run ids, times, and one kind of error."""

from __future__ import annotations

from datetime import UTC, datetime

# A run id is a row number of the server's database: PostgreSQL's bigint.
MAX_RUN_ID = 2**63 - 1


class MessageError(Exception):
    """A message breaks the protocol. The text names field, rule, shape and remedy."""


def iso_time(seconds: float | None) -> str | None:
    """Return a time as vantage6 writes it: UTC, six decimals; None for None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
