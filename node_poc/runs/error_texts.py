"""PURE: errors of libraries in a few words."""

from __future__ import annotations

_LENGTH = 300


def why_no_answer(error: Exception) -> str:
    """Return why no answer came: the last words of a chain of nested errors."""
    return str(error).rpartition(": ")[2].strip("'\")> ")[:_LENGTH] or type(error).__name__
