"""PURE: whole numbers in text: ASCII digits and nothing else.

``str.isdigit`` also accepts superscripts, which ``int`` refuses, and the digits of other scripts.
"""

from __future__ import annotations


def is_number(text: str) -> bool:
    """Return whether the text is a whole number: one or more ASCII digits."""
    return text.isascii() and text.isdigit()


def number_or_none(text: str | None) -> int | None:
    """Return the whole number in the text; None for any other text, and for None."""
    return int(text) if text is not None and is_number(text) else None
