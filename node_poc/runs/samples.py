"""PURE: an example text for a regular expression, to show people which names match.

Knows the common parts of expressions: characters, classes, groups, alternatives, repetitions.
"""

from __future__ import annotations

import re

from node_poc.runs.entries import SlowEntryError, matches_beginning

_LONGEST = 512  # as of an image's name
_CANDIDATES = "abxy019-_./:"
_ESCAPES = {"d": "1", "w": "a", "Z": "", "b": "", "A": ""}
_TIMES = re.compile(r"\{(\d+)(?:,\d*)?\}")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\\\]])*\]")


class _UnknownError(Exception):
    """The expression has a part without an example."""


def sample(expression: str) -> str | None:
    """Return a text that the expression matches from the start; None without an example."""
    try:
        text, end = _branch(expression, 0)
        if end < len(expression) and expression[end] != "|":
            return None
        return text if matches_beginning(expression, text) else None
    except (_UnknownError, SlowEntryError, IndexError, re.error, RecursionError):
        return None


def _branch(expression: str, index: int) -> tuple[str, int]:
    """Return the text of the first alternative, and the index of its end."""
    parts = []
    while index < len(expression) and expression[index] not in "|)":
        text, index = _atom(expression, index)
        times, index = _times(expression, index)
        if len(text) * times > _LONGEST:
            raise _UnknownError
        parts.append(text * times)
    return "".join(parts), index


def _atom(expression: str, index: int) -> tuple[str, int]:
    character = expression[index]
    if character == "\\":
        escaped = expression[index + 1]
        if escaped.isalnum() and escaped not in _ESCAPES:
            raise _UnknownError
        return _ESCAPES.get(escaped, escaped), index + 2
    if character == "[":
        return _class(expression, index)
    if character == "(":
        return _group(expression, index)
    if character in "*+?{":
        raise _UnknownError
    if character == ".":  # a bare dot most likely means a dot
        character = "x" if expression[index + 1 : index + 2] in {"*", "+", "?", "{"} else "."
    return {"^": "", "$": ""}.get(character, character), index + 1


def _class(expression: str, index: int) -> tuple[str, int]:
    found = _CLASS.match(expression, index)
    if found is None:
        raise _UnknownError
    for candidate in _CANDIDATES:
        if re.fullmatch(found[0], candidate):
            return candidate, found.end()
    raise _UnknownError


def _group(expression: str, index: int) -> tuple[str, int]:
    index += 1
    if expression.startswith("?:", index):
        index += 2
    elif expression[index] == "?":
        raise _UnknownError
    text, index = _branch(expression, index)
    depth = 0
    while expression[index] != ")" or depth:  # skip the other alternatives
        character = expression[index]
        if character == "[":
            _, index = _class(expression, index)
            continue
        depth += (character == "(") - (character == ")")
        index += 2 if character == "\\" else 1
    return text, index + 1


def _times(expression: str, index: int) -> tuple[int, int]:
    times, start = 1, index
    if found := _TIMES.match(expression, index):
        times, index = int(found[1]), found.end()
    elif expression[index : index + 1] in {"*", "+", "?"}:
        times = 0 if expression[index] == "?" else 1
        index += 1
    if index > start and expression[index : index + 1] in {"?", "+"}:  # lazy, possessive
        index += 1
    return times, index
