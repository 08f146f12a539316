"""The average of one csv column, from a text stream: pure, in constant memory.

Errors name row numbers and column names, never a value: values are what the data station protects,
and an algorithm's log leaves it.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass

MISSING = frozenset({"", "na", "nan"})


class AverageError(Exception):
    """The average cannot be computed; the text names cause and remedy."""


class ColumnMissingError(AverageError):
    """The csv has no such column."""


class NotNumericError(AverageError):
    """A value in the column is not a finite number."""


class NoValueError(AverageError):
    """There is not one value in the column."""


class NotCsvError(AverageError):
    """The text is not a csv file."""


@dataclass(frozen=True)
class Average:
    """The outcome.

    mean: arithmetic mean of the values, in the column's unit
    rows: data rows read, the header not counted
    values: rows with a value
    missing: rows without one (empty, NA, NaN)
    """

    mean: float
    rows: int
    values: int
    missing: int


class _Sum:
    """A running sum that does not lose small values beside large ones (Neumaier's way).

    math.fsum is as exact but wants an iterable; here the counts are made in the same pass.
    """

    def __init__(self) -> None:
        self._total = 0.0
        self._lost = 0.0

    def add(self, value: float) -> None:
        total = self._total + value
        larger, smaller = sorted((self._total, value), key=abs, reverse=True)
        self._lost += (larger - total) + smaller
        self._total = total

    @property
    def value(self) -> float:
        return self._total + self._lost


def average_of_column(lines: Iterable[str], column: str) -> Average:
    """Return the average of `column` in the csv text `lines` (first line: column names).

    Raises ColumnMissingError, NotNumericError, NoValueError or NotCsvError.
    """
    rows = values = 0
    total = _Sum()
    reader = csv.reader(lines)
    try:
        position = _position(next(reader, []), column)
        for row in reader:
            if not row:  # a blank line is no row
                continue
            rows += 1
            value = _number(row[position] if position < len(row) else "", rows, column)
            if value is not None:
                values += 1
                total.add(value)
    except csv.Error as error:
        raise NotCsvError(
            f"the csv cannot be read near line {reader.line_num} ({error}). "
            "Remedy: check the quotes there and that the file is comma-separated text."
        ) from error
    if not values:
        raise NoValueError(
            f"column {column!r} has no value in {rows} rows. "
            "Remedy: choose a column with values; empty, NA and NaN count as missing."
        )
    if not math.isfinite(total.value):
        raise NotNumericError(
            f"column {column!r}: the sum of the values is beyond what a number here can hold. "
            "Remedy: give the column in a larger unit."
        )
    return Average(total.value / values, rows, values, rows - values)


def _position(header: list[str], column: str) -> int:
    names = [name.strip() for name in header]
    if column in names:
        return names.index(column)
    if any(_looks_like_number(name) for name in names):
        # then it may be a person's row, and naming it would give it away
        remedy = "Remedy: the first line looks like data; make it the line of column names."
    else:
        remedy = f"Remedy: use one of these: {', '.join(names) or 'none, the file is empty'}."
    raise ColumnMissingError(f"the csv has no column {column!r}. {remedy}")


def _looks_like_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(text: str, row: int, column: str) -> float | None:
    """Return the number, or None for a missing value."""
    text = text.strip()
    if text.lower() in MISSING:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        # `from None`: the chained ValueError would quote the value
        raise NotNumericError(
            f"row {row}, column {column!r}: the value is not a number. "
            "Remedy: correct it, or leave it empty (also NA or NaN) if it is missing."
        ) from None
    return value
