"""The names of a database's columns, read from its file without reading its data."""

from __future__ import annotations

import csv
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

# No header is longer; what is, is no table. It bounds what is read of a file without a line end.
_HEADER_CHARACTERS = 1024 * 1024


def read_column_names(path: Path) -> list[str]:
    """Return the header row of a csv file.

    A file that cannot be read here is told in the log and has no columns: they are a courtesy to
    who writes a task.
    """
    try:
        # utf-8-sig: a spreadsheet may have put a byte order mark in front.
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(iter(lambda: file.readline(_HEADER_CHARACTERS), ""))
            return next(rows, [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        log.warning("no column names", database=str(path), error=str(error))
        return []
