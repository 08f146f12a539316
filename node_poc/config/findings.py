"""PURE: what a look at the configuration finds: an error, or a warning."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One sentence for the person: field, rule or reason, remedy; never a secret or data."""

    text: str
    is_error: bool

    def __str__(self) -> str:
        return f"{'error' if self.is_error else 'warning'}: {self.text}"


def error(text: str) -> Finding:
    """What keeps the node, or runs, from working."""
    return Finding(text, is_error=True)


def warning(text: str) -> Finding:
    """What most likely is not as its writer wants it."""
    return Finding(text, is_error=False)
