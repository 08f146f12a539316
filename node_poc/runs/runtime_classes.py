"""PURE: which RuntimeClass an image gets, by the rules of ``kubernetes.pods.runtime_classes``."""

from __future__ import annotations

from collections.abc import Sequence

from node_poc.config.pods import RuntimeClassRule
from node_poc.runs.image_rules import first_rule


def runtime_class_of(image: str, rules: Sequence[RuntimeClassRule]) -> str | None:
    """Return the RuntimeClass of the first rule that matches an image; None without a match."""
    rule = first_rule(image, rules)
    return rule.runtime_class if rule else None
