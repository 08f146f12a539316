"""Regular expressions that a site writes into its configuration."""

from __future__ import annotations

import re

import regex

#: Most characters of an expression: matching has a time limit, and compiling has none.
EXPRESSION_LENGTH = 1000


def why_no_expression(text: str) -> str | None:
    """Return why a text is no regular expression, to follow "is"; None if the text is one."""
    try:
        re.compile(text)
        regex.compile(text)  # matching uses `regex`: `re` has no time limit
    except (re.error, regex.error, OverflowError, RecursionError) as error:
        return f"no regular expression: {error}"
    return None
