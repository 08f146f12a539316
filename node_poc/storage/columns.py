"""Column names of a csv database, as far as they may leave the site."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from node_poc.storage.header_rule import Rows, why_no_header

# Limit for the header: a longer first line is no table, and a file may have no line end.
_HEADER_CHARACTERS = 1024 * 1024
# How many rows below the header are read; their data stays here.
_LINES = 50
_LINE_CHARACTERS = 64 * 1024
# vantage6 reads only commas, but the header rule also judges files with other separators.
_OTHER_SEPARATORS = (";", "\t", "|")


@dataclass(frozen=True)
class Columns:
    """The column ``names`` that may leave the site, or the reason why none may: ``withheld``.

    ``is_doubtful``: the file can be read, but its first row may be data. The site may decide.
    """

    names: tuple[str, ...] = ()
    withheld: str | None = None
    is_doubtful: bool = False


def read_columns(path: Path, is_header: bool | None = None) -> Columns:  # noqa: FBT001  three values
    """Return the header row of a csv file, if the row may leave the site.

    Args:
        path: path of the file.
        is_header: whether the first row is a header according to the site; None if not configured.
    """
    if is_header is False:
        return Columns(withheld="kubernetes.csv_header says that the file has no header")
    try:
        # utf-8-sig: a file from a spreadsheet may start with a byte order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _judge(file, is_header=bool(is_header))
    except UnicodeDecodeError:
        return Columns(withheld="the file is not UTF-8 text; save it as UTF-8")
    except csv.Error as error:
        return Columns(withheld=f"the file is no table of comma-separated values ({error})")
    except OSError as error:
        return Columns(withheld=f"the file cannot be read ({error.strerror})")


def _judge(file: TextIO, *, is_header: bool) -> Columns:
    lines: list[str] = []
    names = next(csv.reader(_kept(file, lines)), [])
    if max(map(len, lines), default=0) == _HEADER_CHARACTERS:
        return Columns(withheld=f"its first line has {_HEADER_CHARACTERS} characters or more")
    if is_header or not names:
        return Columns(tuple(names))
    head = len(lines)
    for line in islice(iter(lambda: file.readline(_LINE_CHARACTERS), ""), _LINES):
        if not line.endswith("\n") and len(line) == _LINE_CHARACTERS:
            break  # the rest of the line would count as another row
        lines.append(line)
    separators = [sign for sign in _OTHER_SEPARATORS if any(sign in x for x in lines[:head])]
    tables = [_rows(lines, sign) for sign in (",", *separators)]
    reason = why_no_header(tables)
    return Columns(withheld=reason, is_doubtful=True) if reason else Columns(tuple(names))


def _kept(file: TextIO, lines: list[str]) -> Iterator[str]:
    while line := file.readline(_HEADER_CHARACTERS):
        lines.append(line)
        yield line


def _rows(lines: list[str], separator: str) -> Rows:
    """Return the complete rows, up to quotes that are broken under this separator."""
    rows = []
    try:
        for row in csv.reader(lines, delimiter=separator):
            if row:
                rows.append(row)
    except csv.Error:
        return rows or [[]]
    return rows
