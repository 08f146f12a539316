"""PURE: decide whether the first row of a table is a header, whose names may leave the site.

Without a header the first row is a patient. Therefore the first row counts as a header only if no
cell looks like data, and if the rows below differ from the first row. Both conditions are judged by
form and repetition; no reason contains a value from the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Rows = list[list[str]]

_NAME_LENGTH = 200
_NUMBER_AND_UNIT = re.compile(r"[^\w]*\d+(?:[.,]\d+)*(?:e[-+]?\d+)?\s*[^\W\d_]{0,5}[%°²³]?")
_MONTH = (
    r"(?:jan(?:uary|uari|uar)?|feb(?:ruary|ruari|ruar)?|mar(?:ch)?|maart|märz|apr(?:il)?|may|mei|mai|"
    r"june?|juni|july?|juli|aug(?:ust|ustus)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|"
    r"de[cz](?:ember)?)\.?"
)
_DATE = re.compile(rf"(?:\d{{1,4}}|{_MONTH})(?:[\s./,-]+(?:\d{{1,4}}|{_MONTH})){{1,2}}")
_TIME_STAMP = re.compile(r"\d{4}-?\d\d-?\d\d[t ].*")
_LONG_HEXADECIMAL = re.compile(r"(?=.*\d)[0-9a-f-]{16,}")
# Answers, and marks of missing values. "no" is left out: the word also abbreviates "number".
_VALUES = {
    *("f", "false", "female", "inf", "ja", "m", "male", "man", "missing", "n/a", "n.a.", "na"),
    *("nan", "nd", "nee", "none", "null", "onbekend", "true", "unk", "unknown", "vrouw", "yes"),
    *("nein", "niet bekend", "niet bepaald", "not done", "unbekannt"),
}
# With fewer rows, repetition of values shows nothing.
_ROWS_FOR_REPETITION = 10
_TIMES_EACH_COMES = 3


def why_no_header(tables: list[Rows]) -> str | None:
    """Return why the first row may be data; None if the row is a header.

    Args:
        tables: the start of the file as rows, once for each possible separator of columns.
    """
    for rows in tables:
        for reason in _signs_of_data(rows):
            return f"the first row looks like data: {reason}"
    if not any(_differs_from_the_rows_below(rows) for rows in tables):
        return "nothing in the rows below shows that the first row is a header and not one of them"
    return None


def _signs_of_data(rows: Rows) -> Iterator[str]:
    first, below = rows[0], rows[1:]
    names = [cell.strip() for cell in first]
    for number, name in enumerate(names, 1):
        column = [row[number - 1].strip() for row in below if len(row) >= number]
        if not any(character.isalnum() for character in name):
            if not (number == 1 and len(names) > 1 and _counts(column)):
                yield f"column {number} has no name"
        elif kind := _kind_of_value(name):
            yield f"column {number} holds {kind}"
        elif name.casefold() in {value.casefold() for value in column}:
            yield f"column {number} holds a value that comes again below"
        elif _has_the_form_of(name, column):
            yield f"column {number} holds a value of the same form as those below"
    lowered = [name.casefold() for name in names]
    if twice := [n for n, name in enumerate(lowered, 1) if name in lowered[: n - 1]]:
        yield f"column {twice[0]} has the name of another"


def _kind_of_value(text: str) -> str | None:
    """Return the kind of data that a text looks like; None if the text can be a name."""
    lowered = text.casefold()
    if lowered in _VALUES:
        return "a value such as yes, male or missing"
    if not any(character.isalpha() for character in text):
        return "a number, a date or a time"
    if text.startswith(("<", ">", "≤", "≥")):
        return "a limit of what can be measured"
    if _NUMBER_AND_UNIT.fullmatch(lowered):
        return "a number with a unit"
    has_digit = any(character.isdigit() for character in text)
    if (has_digit and _DATE.fullmatch(lowered)) or _TIME_STAMP.fullmatch(lowered):
        return "a date or a time"
    if "@" in text or _LONG_HEXADECIMAL.fullmatch(lowered):
        return "an address or an identifier"
    if len(text) > _NAME_LENGTH:
        return "a longer text than a name is"
    return None


def _counts(column: list[str]) -> bool:
    """Return whether the values number the rows: tools write an index column without a name."""
    if len(column) < 2 or column[0] not in {"0", "1"}:
        return False
    return column == [str(int(column[0]) + index) for index in range(len(column))]


def _has_the_form_of(name: str, column: list[str]) -> bool:
    """Return whether most values have the name's order of letters and digits, as identifiers do."""
    form = _form(name)
    filled = [value for value in column if value]
    return "9" in form and sum(_form(value) == form for value in filled) * 2 > len(filled)


def _form(text: str) -> str:
    letters = re.sub(r"[^\W\d_]", "a", text)
    return re.sub(r"\d", "9", letters)


def _differs_from_the_rows_below(rows: Rows) -> bool:
    """Return whether the first row differs from the columns below.

    One column of numbers or dates under a name is enough, or two columns of few values.
    """
    repeating = 0
    for number in range(len(rows[0])):
        column = [row[number].strip() for row in rows[1:] if len(row) > number]
        filled = [value for value in column if value]
        named = any(character.isalpha() for character in rows[0][number])
        if named and filled and all(map(_is_measured, filled)):
            return True
        many = len(filled) >= _ROWS_FOR_REPETITION
        if named and many and len(set(filled)) * _TIMES_EACH_COMES <= len(filled):
            repeating += 1
    # One column of few values may have a rare value at its top, two hardly ever.
    return repeating >= 2


def _is_measured(value: str) -> bool:
    kind = _kind_of_value(value)
    return kind is not None and value.casefold() not in _VALUES
