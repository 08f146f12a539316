"""PURE: the parts that all servers' messages share: run ids, times and an error class."""

from __future__ import annotations

from datetime import UTC, datetime

# A run id is a row number of the server's database: PostgreSQL's bigint.
MAX_RUN_ID = 2**63 - 1


class MessageError(Exception):
    """A message breaks the protocol. The text names the field, the rule, the shape and a remedy."""


def id_or_none(value: object) -> int | None:
    """Return a row number of the server's database; None for any other value."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_RUN_ID:
        return None
    return value


def iso_time(seconds: float | None) -> str | None:
    """Return a time as vantage6 writes times: UTC, six decimals; None for None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
