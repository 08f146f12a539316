"""PURE: runs as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from node_poc.runs.model import Failure
from node_poc.runs.status import RunStatus

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
# Below so many of a unit the next smaller one is told as well: 1m30s, but 12m.
_FINE = 10
_WORSE = "red"
_STYLES = {
    RunStatus.PENDING: "yellow",
    RunStatus.INITIALIZING: "yellow",
    RunStatus.ACTIVE: "cyan",
    RunStatus.COMPLETED: "green",
}


@dataclass(frozen=True)
class RunRow:
    """One run as its Job and pod show it. Times are seconds since the epoch; empty text: unknown.

    ``delivered``: the server has acknowledged the result.
    """

    run_id: int
    status: RunStatus
    created_at: float | None
    started_at: float | None
    ended_at: float | None
    exit_code: int | None
    pod: str
    cluster_node: str
    image: str
    failure: Failure | None
    delivered: bool

    def to_json(self) -> dict[str, Any]:
        """The row for programs: times in UTC as ISO 8601, null for what is not known."""
        failure = self.failure
        return {
            "run_id": self.run_id,
            "status": self.status.value,
            "created": _iso(self.created_at),
            "started": _iso(self.started_at),
            "ended": _iso(self.ended_at),
            "exit_code": self.exit_code,
            "pod": self.pod or None,
            "cluster_node": self.cluster_node or None,
            "image": self.image or None,
            "cause": failure.cause if failure else None,
            "detail": failure.detail if failure else None,
            "advice": failure.advice if failure else None,
            "site_detail": failure.site_detail or None if failure else None,
            "delivered": self.delivered,
        }


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def build_table(rows: Sequence[RunRow], now: float) -> Table:
    """Make the table, in the order of the rows.

    Args:
        rows: the runs.
        now: seconds since the epoch, for ages and to tell today from other days.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("RUN", "STATUS", "AGE", "STARTED", "ENDED"):
        table.add_column(name, no_wrap=True)
    table.add_column("EXIT", no_wrap=True, justify="right")
    for name in ("POD", "K8S NODE", "IMAGE", "WHY"):
        table.add_column(name, overflow="fold")
    table.add_column("DELIVERED", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row, now))
    return table


def _cells(row: RunRow, now: float) -> list[Text]:
    failure = row.failure
    return [
        Text(str(row.run_id)),
        Text(row.status.value, _STYLES.get(row.status, _WORSE)),
        Text("" if row.created_at is None else age(now - row.created_at)),
        Text(clock_time(row.started_at, now)),
        Text(clock_time(row.ended_at, now)),
        Text("" if row.exit_code is None else str(row.exit_code)),
        Text(plain(row.pod)),
        Text(plain(row.cluster_node)),
        Text(plain(row.image)),
        Text("" if failure is None else why(failure)),
        Text("yes" if row.delivered else "no"),
    ]


def why(failure: Failure) -> str:
    """Cause and detail in one line, with what Kubernetes said: this is for the site."""
    text = failure.cause
    if failure.detail:
        text += f": {failure.detail}"
    if failure.site_detail:
        text += f" ({failure.site_detail})"
    return plain(text)


def plain(text: str) -> str:
    """One line without control characters: algorithms and registries write parts of it."""
    line = " ".join(text.split())
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line
    )


def age(seconds: float) -> str:
    """A duration as kubectl writes it: 45s, 3m12s, 16m, 5h20m, 2d."""
    whole = max(0, int(seconds))  # the cluster's clock may be ahead of this one
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return _two_units(whole, _MINUTE, "m", 1, "s")
    if whole < _DAY:
        return _two_units(whole, _HOUR, "h", _MINUTE, "m")
    return _two_units(whole, _DAY, "d", _HOUR, "h")


def _two_units(whole: int, unit: int, letter: str, smaller: int, small_letter: str) -> str:
    count, rest = divmod(whole, unit)
    rest //= smaller
    return f"{count}{letter}{rest}{small_letter}" if rest and count < _FINE else f"{count}{letter}"


def clock_time(seconds: float | None, now: float) -> str:
    """A moment in the local time zone; the date is left out if it is today's."""
    if seconds is None:
        return ""
    moment = datetime.fromtimestamp(seconds).astimezone()
    today = datetime.fromtimestamp(now).astimezone().date()
    return f"{moment:%H:%M:%S}" if moment.date() == today else f"{moment:%Y-%m-%d %H:%M}"
