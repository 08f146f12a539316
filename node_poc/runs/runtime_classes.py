"""PURE: which RuntimeClass an image gets, by the rules of ``kubernetes.pods.runtime_classes``."""

from __future__ import annotations

from collections.abc import Sequence

from node_poc.config.pods import RuntimeClassRule
from node_poc.runs.entries import SlowEntryError, matches_beginning
from node_poc.runs.image_names import parse_image


def runtime_class_of(image: str, rules: Sequence[RuntimeClassRule]) -> str | None:
    """Return the RuntimeClass of the first rule that matches; None without a match.

    A rule matches the start of any spelling of the image's name, so that no other spelling of a
    name avoids the rule.
    """
    name = parse_image(image)
    spellings = [image, *([name.short, name.repository + name.suffix] if name else [])]
    return next((each.runtime_class for each in rules if _matches(each.images, spellings)), None)


def _matches(expression: str, spellings: Sequence[str]) -> bool:
    try:
        return any(matches_beginning(expression, each) for each in spellings)
    except SlowEntryError:  # a researcher chooses the image: a slow match must not avoid the rule
        return True
