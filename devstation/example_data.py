"""PURE: parts of the example data for several organizations."""

from __future__ import annotations

import csv
import io


def deal(csv_text: str, hands: int) -> list[str]:
    """Deal the rows of a table with a header to ``hands`` tables in turn, like cards."""
    header, *rows = csv.reader(io.StringIO(csv_text))
    parts = []
    for hand in range(hands):
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([header, *rows[hand::hands]])
        parts.append(out.getvalue())
    return parts
