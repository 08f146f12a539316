"""PURE: the form of a node's API key. No text of this module contains a key."""

from __future__ import annotations

import re

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WHERE = "whoever made the node at the server was shown its key, once; a new one can be made there"


def rule_broken_by(key: str) -> str | None:
    """Return why no server can have issued ``key``, with the remedy; None if a server can have."""
    if not key.isascii() or not key.isprintable() or " " in key:
        return f"must be one word of letters, digits and signs, without blanks in it; {_WHERE}"
    if re.fullmatch(r"<.*>|\{.*\}|\$.*", key):
        return f"is a placeholder and no key; {_WHERE}"
    return None


def doubt_of(key: str) -> str | None:
    """Return why ``key`` is hardly a server's key, with the remedy; None if the form is right."""
    if not key:
        return None
    if not _UUID.fullmatch(key):
        return (
            f"does not look like a vantage6 API key, a UUID of 36 characters (it has {len(key)}); "
            f"check it; {_WHERE}"
        )
    if len(set(key) - {"-"}) == 1:
        return f"is an example of a key, and no server gives it; {_WHERE}"
    return None
