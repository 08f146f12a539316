"""The average of one csv column, from a text stream: pure, in constant memory.

Errors name row numbers and column names, never a value: the data station protects the values, and
an algorithm's log leaves the data station.
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
    """The csv has no column of the given name."""


class NotNumericError(AverageError):
    """A value in the column is not a finite number."""


class NoValueError(AverageError):
    """The column has no value at all."""


class NotCsvError(AverageError):
    """The text is not a csv file."""


@dataclass(frozen=True)
class Average:
    """The outcome.

    Attributes:
        mean: arithmetic mean of the values, in the column's unit.
        rows: number of data rows, without the header.
        values: number of rows with a value.
        missing: number of rows without a value (empty, NA, NaN).
    """

    mean: float
    rows: int
    values: int
    missing: int


class _Sum:
    """A running sum that keeps small values beside large ones (Neumaier's algorithm).

    math.fsum is equally exact but needs an iterable; here the same pass also counts.
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

    Raise ColumnMissingError, NotNumericError, NoValueError or NotCsvError.
    """
    rows = values = 0
    total = _Sum()
    reader = csv.reader(lines)
    try:
        position = _position(next(reader, []), column)
        for row in reader:
            if not row:  # a blank line does not count as a row
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
        # the header may be a person's row, so the message must not quote the header
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
