"""PURE: formats runs as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from node_poc.runs.model import Failure, failure_fields
from node_poc.runs.status import RunStatus

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
# Below this count of a unit, show the next smaller unit as well: 1m30s, but 12m.
_FINE = 10
_COLUMNS = (
    *("RUN", "STATUS", "AGE", "STARTED", "ENDED", "EXIT"),
    *("POD", "K8S NODE", "IMAGE", "WHY", "DELIVERED"),
)
_GAP, _INDENT = 2, 4
_WORSE = "red"
_STYLES = {
    RunStatus.PENDING: "yellow",
    RunStatus.INITIALIZING: "yellow",
    RunStatus.ACTIVE: "cyan",
    RunStatus.COMPLETED: "green",
}


@dataclass(frozen=True)
class RunRow:
    """One run as shown by its Job and pod.

    Times are in seconds since the epoch, empty strings mean unknown, and ``delivered`` means that
    the server has acknowledged the result.
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
        """Return the row for programs: times in UTC as ISO 8601, null for unknown values."""
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
            **failure_fields(failure),
            "site_detail": failure.site_detail or None if failure else None,
            "delivered": self.delivered,
        }


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def draw_runs(rows: Sequence[RunRow], now: float, console: Console) -> RenderableType:
    """Draw the runs in the given order, each in a single line if the console is wide enough.

    Args:
        rows: the runs.
        now: seconds since the epoch, to compute ages and to tell today from other days.
        console: the console to draw on. On a narrow console, long values follow below each line.
    """
    cells = [_cells(row, now) for row in rows]
    widths = {name: max(len(name), *(len(line[name]) for line in cells)) for name in _COLUMNS}
    for below in ((), ("WHY",), ("POD", "K8S NODE", "IMAGE", "WHY")):
        beside = [name for name in _COLUMNS if name not in below]
        if sum(widths[name] + _GAP for name in beside) - _GAP <= console.width:
            break
    return Group(*_lines(cells, widths, beside, below))


def _lines(
    cells: list[dict[str, Text]],
    widths: dict[str, int],
    beside: Sequence[str],
    below: Sequence[str],
) -> Iterator[RenderableType]:
    for number, line in enumerate(cells):
        # Each run has its own table, all with equal columns: values below are wider than a column.
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
        table.show_header = number == 0
        for name in beside:
            side: JustifyMethod = "right" if name == "EXIT" else "left"
            table.add_column(name, no_wrap=True, min_width=widths[name], justify=side)
        table.add_row(*(line[name] for name in beside))
        yield table
        for name in below:
            if line[name]:
                yield Padding(Text.assemble((f"{name}: ", "dim"), line[name]), (0, 0, 0, _INDENT))


def _cells(row: RunRow, now: float) -> dict[str, Text]:
    failure = row.failure
    texts = (
        str(row.run_id),
        row.status.value,
        "" if row.created_at is None else age(now - row.created_at),
        clock_time(row.started_at, now),
        clock_time(row.ended_at, now),
        "" if row.exit_code is None else str(row.exit_code),
        plain(row.pod),
        plain(row.cluster_node),
        plain(row.image),
        "" if failure is None else why(failure),
        "yes" if row.delivered else "no",
    )
    cells = {name: Text(text) for name, text in zip(_COLUMNS, texts, strict=True)}
    cells["STATUS"].stylize(_STYLES.get(row.status, _WORSE))
    return cells


def why(failure: Failure) -> str:
    """Return cause and detail in one line, with Kubernetes' message: only for the site."""
    text = failure.cause
    if failure.detail:
        text += f": {failure.detail}"
    if failure.site_detail:
        text += f" ({failure.site_detail})"
    return plain(text)


def plain(text: str) -> str:
    """Return one line without control characters; algorithms and registries write parts of it."""
    line = " ".join(text.split())
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line
    )


def age(seconds: float) -> str:
    """Return a duration in kubectl's format: 45s, 3m12s, 16m, 5h20m, 2d."""
    whole = max(0, int(seconds))  # the cluster's clock may be ahead of this machine's
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
    """Return a time in the local time zone, without the date if the time is today."""
    if seconds is None:
        return ""
    moment = datetime.fromtimestamp(seconds).astimezone()
    today = datetime.fromtimestamp(now).astimezone().date()
    return f"{moment:%H:%M:%S}" if moment.date() == today else f"{moment:%Y-%m-%d %H:%M}"
