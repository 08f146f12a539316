"""PURE: entries of policies that work differently from a Docker node, or allow too much.

``check`` and the node's start report each entry with an example and a remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from node_poc.config.sections import Policies, is_regex
from node_poc.runs.entries import (
    SlowEntryError,
    image_matches,
    is_plain_url,
    matches_beginning,
    plain_characters,
    url_matches,
)
from node_poc.runs.image_names import is_image_name
from node_poc.runs.samples import sample

_IMAGES, _STORES = "policies.allowed_algorithms", "policies.allowed_algorithm_stores"
_SLASHES = {_IMAGES: 1, _STORES: 3}
_OTHERS = {
    _IMAGES: ("", "-other", "other", "/other", ":5000/other"),
    _STORES: ("", ".other.example", "-other", ":8443"),
}
_LONGER_HOST = {_IMAGES: ".other.example/a", _STORES: ".other.example"}
_LONG = 200
_WHOLE_HOST = {
    _IMAGES: "write the whole host, and a slash after the host",
    _STORES: r"write the whole host, and (/.*)?$ after the host",
}
_WHY = {
    _IMAGES: (
        "a match must end where the name of an image ends; append .* to the entry if the site "
        "allows all images whose names begin so"
    ),
    _STORES: "the entry must match the whole scheme, host and port; write all three",
}
_QUANTIFIERS = set("*+?{")
_Means = Callable[[str, str], bool]


def find_policy_doubts(policies: Policies) -> Iterator[str]:
    """Yield each doubt: path, difference or danger, remedy."""
    for index, entry in enumerate(policies.allowed_algorithms or []):
        if is_regex(entry):
            yield from _expression(_IMAGES, index, entry)
        elif not is_image_name(entry):
            yield f"{_IMAGES}[{index}]: is no image's name, so it allows nothing; correct it"
    for index, entry in enumerate(policies.allowed_algorithm_stores or []):
        if is_regex(entry):
            yield from _expression(_STORES, index, entry)
        elif not is_plain_url(entry):
            yield (
                f"{_STORES}[{index}]: is no URL such as https://store.example, so it allows "
                "nothing; correct it"
            )


def _expression(key: str, index: int, entry: str) -> Iterator[str]:
    path = f"{key}[{index}]"
    if (escaped := _with_dots_escaped(entry, _SLASHES[key])) != entry:
        yield (
            f"{path}: a dot stands for any character in a regular expression, so other hosts match "
            f"too; write {escaped}"
        )
    if "(?!" in entry or "(?<!" in entry:
        yield f"{path}: tells what is not allowed, and all else is; list what is allowed instead"
    try:
        yield from _differences(key, path, entry)
    except SlowEntryError:
        yield (
            f"{path}: takes very long on some names, which are then refused; write it without "
            "repetitions inside of repetitions"
        )


def _differences(key: str, path: str, entry: str) -> Iterator[str]:
    means = image_matches if key == _IMAGES else url_matches
    is_one = is_image_name if key == _IMAGES else is_plain_url
    begin = sample(entry)
    if begin is None:
        yield (
            f"{path}: must mean a whole {'name' if key == _IMAGES else 'scheme, host and port'} "
            "here, and for a Docker node a beginning is enough; try it with a task of yours"
        )
        return
    for other in (begin + each for each in _OTHERS[key]):
        if is_one(other) and matches_beginning(entry, other) and not means(entry, other):
            differs = f"a Docker node allows {other}, and this node refuses {other}"
            only_host = key == _IMAGES and "/" not in begin
            yield f"{path}: {differs}: {_WHOLE_HOST[key] if only_host else _WHY[key]}"
            break
    means(entry, f"{begin}{(begin or 'a')[-1] * _LONG}-0")  # raises for slow expressions
    elsewhere = f"other.example/{begin}"
    if key == _IMAGES and is_one(elsewhere) and means(entry, elsewhere):
        yield f"{path}: allows any registry, for example {elsewhere}; begin it with a host's name"
        return
    longer = f"{begin}{_LONGER_HOST[key]}"
    if key == _STORES and "://" not in begin:
        longer = f"https://other-{begin}"
    if begin.count("/") < _SLASHES[key] and is_one(longer) and means(entry, longer):
        yield f"{path}: allows other hosts too, for example {longer}; {_WHOLE_HOST[key]}"


def _with_dots_escaped(entry: str, slashes: int) -> str:
    """Return the expression with a backslash before each bare dot of the host."""
    places, seen = [], 0
    for index, character, _ in plain_characters(entry):
        seen += character in {"/", "\\/"}
        if seen == slashes:
            break
        if character == "." and entry[index + 1 : index + 2] not in _QUANTIFIERS:
            places.append(index)
    if seen < slashes and slashes == _SLASHES[_IMAGES]:
        return entry  # no host
    for index in reversed(places):
        entry = f"{entry[:index]}\\{entry[index:]}"
    return entry
