"""PURE: whether an entry of a policy matches an image or a store's URL.

Regular expressions match from the start, as in vantage6. vantage6 accepts a match that ends
anywhere; this node accepts a match that ends at a border of the name: ``^host/average`` does not
match ``host/average-evil``. Each match has a time limit, because a researcher chooses the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import regex

from node_poc.config.sections import is_regex
from node_poc.runs.image_names import ImageName, parse_image

# Usual matches take microseconds; an expression with nested repetitions could run for years.
_SECONDS = 0.25
# Expressions with these marks exclude names; another spelling of a name must be excluded too.
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
    """Matching an expression against a text took longer than the limit."""


def image_matches(entry: str, image: str) -> bool:
    """Return whether a regular expression matches an image.

    A match ends at the end, after a slash, or before tag or digest. A match never ends between a
    tag and a digest: the digest alone decides which image runs.

    Raises:
        SlowEntryError: matching took too long.
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
    """Return whether an entry, a URL or a regular expression, matches a store's URL.

    An entry must match the whole scheme, host and port, and end at a slash or at the end. A URL
    with other parts than a plain path never matches, because programs read such URLs differently.

    Raises:
        SlowEntryError: matching took too long.
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
    """Return whether ``text`` is a URL of scheme, host, port and a plain path only."""
    return bool(_spellings(text))


def _spellings(url: str) -> list[str]:
    """Return the URL as written and in its normal form; an empty list unless the URL is plain."""
    found = _URL.fullmatch(url) if len(url) <= _URL_LENGTH else None
    if found is None or {".", ".."} & set(found["path"].split("/")):
        return []
    scheme, host = found["scheme"].lower(), found["host"].lower()
    port = int(found["port"]) if found["port"] else _PORTS[scheme]
    shown = "" if port == _PORTS[scheme] else f":{port}"
    return [url, f"{scheme}://{host}{shown}{found['path']}".rstrip("/")]


def matches_beginning(entry: str, text: str) -> bool:
    """Return whether an expression matches the start of ``text``, as vantage6 matches.

    Raises:
        SlowEntryError: matching took too long.
    """
    return _matches(entry, text)


def _excludes(entry: str) -> bool:
    return any(mark in entry for mark in _EXCLUDING)


def _matches(expression: str, text: str) -> bool:
    try:
        return regex.match(expression, text, timeout=_SECONDS) is not None
    except TimeoutError:
        raise SlowEntryError from None
    except regex.error:  # a part of an expression may not compile; such a part matches nothing
        return False


def alternatives(expression: str) -> list[str]:
    """Return the alternatives of an expression, split at the bars outside of groups."""
    parts, start = [], 0
    for index, character, depth in plain_characters(expression):
        if character == "|" and depth == 0:
            parts.append(expression[start:index])
            start = index + 1
    return [*parts, expression[start:]]


def _origin_part(expression: str) -> str:
    """Return the part of an expression for scheme, host and port, up to the slash of the path."""
    slashes = 0
    for index, character, depth in plain_characters(expression):
        slashes += character in {"/", "\\/"} and depth == 0
        if slashes == _SLASHES_BEFORE_A_PATH:
            return expression[:index]
    return expression


def plain_characters(expression: str) -> Iterator[tuple[int, str, int]]:
    """Yield index, character and depth of groups for each character outside of brackets ([...]).

    Escaped characters keep their backslash.
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
    # A closing bracket in first place, or after a ^, belongs to the class.
    index = start + 1 + (expression[start + 1 : start + 2] == "^") + 1
    while index < len(expression) and expression[index] != "]":
        index += 1 + (expression[index] == "\\")
    return index + 1
