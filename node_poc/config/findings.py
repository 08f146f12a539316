"""PURE: the findings of a check of the configuration: errors and warnings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One sentence for a person: field, rule or reason, remedy; never a secret or data."""

    text: str
    is_error: bool

    def __str__(self) -> str:
        return f"{'error' if self.is_error else 'warning'}: {self.text}"


def error(text: str) -> Finding:
    """Return a finding that prevents the node, or runs, from working."""
    return Finding(text, is_error=True)


def warning(text: str) -> Finding:
    """Return a finding of a setting that most likely is not as intended."""
    return Finding(text, is_error=False)
