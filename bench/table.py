"""PURE: figures beside their goals, and their formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_HEAD = ("what", "measured", "goal", "")


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        what: the measured quantity.
        figure: the figure, in ``unit``.
        unit: ``s``, ``ms`` (the figure is in seconds nevertheless), ``x``, ``/min`` or ``MiB``.
        goal: the maximum, in the same unit; None without a goal.
        note: remarks on the figure.
    """

    what: str
    figure: float
    unit: str
    goal: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """``met``, ``MISSED`` or nothing."""
        if self.goal is None:
            return ""
        return "met" if self.figure <= self.goal else "MISSED"


def written(value: float, unit: str) -> str:
    """Return a figure with its unit."""
    if unit == "ms":
        return f"{value * 1000:.1f} ms"
    if unit == "x":
        return f"{value:.3f} x"
    if unit == "s":
        return f"{value:.2f} s"
    return f"{value:.1f} {unit}".replace(" /", "/")


def lines_of(title: str, rows: Sequence[Row]) -> list[str]:
    """Return a table for a terminal, with notes below their figures."""
    cells = [_HEAD] + [
        (
            row.what,
            written(row.figure, row.unit),
            "" if row.goal is None else f"<= {written(row.goal, row.unit)}",
            row.verdict,
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    lines = [title, ""]
    for number, line in enumerate(cells):
        what, *others = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        lines.append("  ".join([what, *others]).rstrip())
        if number == 0:
            lines.append("-" * (sum(widths) + 2 * (len(widths) - 1)))
        elif rows[number - 1].note:
            lines.append(f"    {rows[number - 1].note}")
    return lines


def missed(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that missed their goals."""
    return [row for row in rows if row.verdict == "MISSED"]
