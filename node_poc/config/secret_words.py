"""PURE: find secrets in a configuration file, by the keys and the form of values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_KEY = re.compile(r"pass(word|wd|phrase)?$|pwd$|secret|token|api_?key|credential", re.IGNORECASE)
# Names of Secrets; a name reveals nothing.
_NAMES_ONLY = {"image_pull_secrets"}
_LOGIN_IN_A_URL = re.compile(r"://[^/?#\s@]*:[^/?#\s@]+@")


def is_secret(name: str, value: object) -> bool:
    """Return whether a value of this name is a secret: password, token or URL with a login."""
    if value in (None, "") or isinstance(value, bool | dict | list):
        return False
    named = name not in _NAMES_ONLY and _KEY.search(name) is not None
    return named or _LOGIN_IN_A_URL.search(str(value)) is not None


def secret_paths(value: Any, path: str = "", name: str = "") -> Iterator[str]:
    """Yield the paths of all secrets below a value, such as ``databases[0].env.PASSWORD``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from secret_paths(inner, f"{path}.{key}" if path else str(key), str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from secret_paths(inner, f"{path}[{index}]", name)
    elif is_secret(name, value):
        yield path
