"""PURE: which rule of the configuration counts for an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from node_poc.runs.entries import SlowEntryError, matches_beginning
from node_poc.runs.image_names import parse_image


class ImageRule(Protocol):
    """A rule for images whose name an expression matches."""

    @property
    def images(self) -> str:
        """The regular expression."""


Rule = TypeVar("Rule", bound=ImageRule)


def first_rule(image: str, rules: Sequence[Rule]) -> Rule | None:
    """Return the first rule that matches the start of an image's name; None without a match.

    A rule matches any spelling of the name, so that no other spelling of a name avoids the rule.
    """
    name = parse_image(image)
    spellings = [image, *([name.short, name.repository + name.suffix] if name else [])]
    return next((each for each in rules if _matches(each.images, spellings)), None)


def _matches(expression: str, spellings: Sequence[str]) -> bool:
    try:
        return any(matches_beginning(expression, each) for each in spellings)
    except SlowEntryError:  # a researcher chooses the image: a slow match must not avoid the rule
        return True
