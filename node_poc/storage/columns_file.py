"""The file by which the init container passes the columns of csv databases to the node."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from node_poc.storage.columns import Columns


def write_columns(path: Path, found: Mapping[str, Columns]) -> None:
    """Write the columns of each database, by label. Raises OSError."""
    text = json.dumps({label: [each.names, each.withheld] for label, each in found.items()})
    path.write_text(text, encoding="utf-8")


def columns_of(path: Path, label: str) -> Columns:
    """Read the columns of one database; ``withheld`` if the file lacks the database."""
    try:
        names, withheld = json.loads(path.read_text(encoding="utf-8"))[label]
        return Columns(tuple(names), withheld)
    except (OSError, ValueError, KeyError, TypeError):
        return Columns(
            withheld="the init container read-column-names left nothing; its log tells why"
        )
