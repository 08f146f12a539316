"""PURE: whether an entry of a policy means an image or a store's URL.

A regular expression is matched from the start, as vantage6 does. Where vantage6 takes a mere
beginning, the match must end here at a border of the name: ``^host/average`` is not
``host/average-evil``. Matching has a time limit, because a researcher chooses the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import regex

from node_poc.config.sections import is_regex
from node_poc.runs.image_names import ImageName, parse_image

# Far more than a match takes; an expression that multiplies its ways would go on for years.
_SECONDS = 0.25
# An expression that excludes names must not be got around by another spelling of one.
_EXCLUDING = ("(?!", "(?<!")
_URL = re.compile(
    r"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>(?:/[A-Za-z0-9._~-]*)*)"
)
_URL_LENGTH = 2000
_PORTS = {"http": 80, "https": 443}
_SLASHES_BEFORE_A_PATH = 3


class SlowEntryError(Exception):
    """An expression takes too long on a text, so nobody knows whether it means it."""


def image_matches(entry: str, image: str) -> bool:
    """Whether a regular expression means an image.

    The match ends at the end, after a slash, or in front of tag or digest. It does not end between
    a tag and a digest, because then the digest alone says what runs.

    Raises:
        SlowEntryError: it takes too long.
    """
    name = parse_image(image)
    if name is None:
        return False
    border = _border_of(name)
    texts = {image, name.short} if _excludes(entry) else {image}
    return all(_matches(f"(?:{entry}){border}", text) for text in texts)


def _border_of(name: ImageName) -> str:
    suffix = f"|{regex.escape(name.suffix)}\\Z" if name.suffix else ""
    return f"(?:\\Z|(?<=/){suffix})"


def url_matches(entry: str, url: str) -> bool:
    """Whether an entry, expression or not, means a store's URL.

    Scheme, host and port must be meant as a whole, and the match must end at a slash or at the
    end. A URL with anything but these and a plain path is none: who reads it must not matter.

    Raises:
        SlowEntryError: it takes too long.
    """
    texts = _spellings(url)
    if not texts:
        return False
    if not is_regex(entry):
        return bool(set(texts) & set(_spellings(entry)))
    found = (_url_matches(entry, text) for text in texts)
    return all(found) if _excludes(entry) else any(found)


def _url_matches(entry: str, url: str) -> bool:
    origin = "/".join(url.split("/")[:_SLASHES_BEFORE_A_PATH])
    return any(
        _matches(f"(?:{_origin_part(each)})\\Z", origin)
        and _matches(f"(?:{each})(?:\\Z|(?<=/)|(?=/))", url)
        for each in alternatives(entry)
    )


def is_plain_url(text: str) -> bool:
    """Whether it is a URL of scheme, host, port and a plain path, and nothing else."""
    return bool(_spellings(text))


def _spellings(url: str) -> list[str]:
    """The URL as it stands and as it is read; nothing if it is no plain one."""
    found = _URL.fullmatch(url) if len(url) <= _URL_LENGTH else None
    if found is None or {".", ".."} & set(found["path"].split("/")):
        return []
    scheme, host = found["scheme"].lower(), found["host"].lower()
    port = int(found["port"]) if found["port"] else _PORTS[scheme]
    shown = "" if port == _PORTS[scheme] else f":{port}"
    return [url, f"{scheme}://{host}{shown}{found['path']}".rstrip("/")]


def _excludes(entry: str) -> bool:
    return any(mark in entry for mark in _EXCLUDING)


def _matches(expression: str, text: str) -> bool:
    try:
        return regex.match(expression, text, timeout=_SECONDS) is not None
    except TimeoutError:
        raise SlowEntryError from None
    except regex.error:  # a part of an expression need not be one; then it means nothing
        return False


def alternatives(expression: str) -> list[str]:
    """What stands between the bars that are in no group."""
    parts, start = [], 0
    for index, character, depth in plain_characters(expression):
        if character == "|" and depth == 0:
            parts.append(expression[start:index])
            start = index + 1
    return [*parts, expression[start:]]


def _origin_part(expression: str) -> str:
    """What an expression says of scheme, host and port: all in front of the path's slash."""
    slashes = 0
    for index, character, depth in plain_characters(expression):
        slashes += character in {"/", "\\/"} and depth == 0
        if slashes == _SLASHES_BEFORE_A_PATH:
            return expression[:index]
    return expression


def plain_characters(expression: str) -> Iterator[tuple[int, str, int]]:
    """Each character outside of brackets ([...]): its place, itself, and how many groups deep.

    An escaped one comes with its backslash.
    """
    index = depth = 0
    while index < len(expression):
        character = expression[index]
        if character == "\\":
            character = expression[index : index + 2]
        elif character == "[":
            index = _end_of_brackets(expression, index)
            continue
        depth += (character == "(") - (character == ")")
        yield index, character, depth
        index += len(character)


def _end_of_brackets(expression: str, start: int) -> int:
    # A closing bracket that comes first, or after a ^, is one of the characters.
    index = start + 1 + (expression[start + 1 : start + 2] == "^") + 1
    while index < len(expression) and expression[index] != "]":
        index += 1 + (expression[index] == "\\")
    return index + 1
