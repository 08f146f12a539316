"""PURE: return the rows as a table for people (Markdown, for pasting) and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.faults.matrix import Row, Verdict

_HEAD = ("fault", "runs sent", "ended right", "lost", "doubled", "wrong status", "seconds")
_ORDER = (Verdict.RIGHT, Verdict.LOST, Verdict.DOUBLED, Verdict.WRONG)


def as_text(rows: Sequence[Row]) -> str:
    """Return the table, with a line of sums."""
    lines = [_HEAD]
    for row in rows:
        counts = [str(row.counts[verdict]) for verdict in _ORDER]
        lines.append((row.fault, str(row.sent), *counts, f"{row.seconds:.0f}"))
    sums = [str(sum(row.counts[verdict] for row in rows)) for verdict in _ORDER]
    total = str(sum(row.sent for row in rows))
    lines.append(("all", total, *sums, f"{sum(row.seconds for row in rows):.0f}"))
    widths = [max(len(line[n]) for line in lines) for n in range(len(_HEAD))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(line, widths) for line in (lines[0], rule, *lines[1:])) + "\n"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return "| " + " | ".join([first, *rest]) + " |"


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as plain data."""
    return [
        {
            "fault": row.fault,
            "struck": row.struck,
            "sent": row.sent,
            **{verdict.value: row.counts[verdict] for verdict in _ORDER},
            "ends": row.ends,
            "seconds": round(row.seconds, 1),
            "trouble": row.trouble,
        }
        for row in rows
    ]
