"""PURE: small parts of CEL expressions, the language of a ValidatingAdmissionPolicy.

``object`` is a plain map when the API server evaluates a policy, so ``dyn`` lets an expression look
at the keys of any part: a field that a later version of Kubernetes adds is a key like all others.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any


def literal(value: Any) -> str:
    """Return JSON data as a CEL literal; ``null`` is not supported.

    A map may have values of several types only if their type is ``dyn``.
    """
    if isinstance(value, dict):
        inner = ", ".join(f"{literal(key)}: dyn({literal(each)})" for key, each in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return json.dumps(value, ensure_ascii=False)  # CEL knows no escapes of surrogate pairs


def has_only(part: str, keys: Collection[str]) -> str:
    """Return the expression: the map ``part`` has no other keys than ``keys``."""
    return f"dyn({part}).all(key, key in {literal(sorted(keys))})"


def others(part: str, keys: Collection[str]) -> str:
    """Return an expression for the text that names all keys of ``part`` beside ``keys``."""
    return f"dyn({part}).filter(key, !(key in {literal(sorted(keys))})).join(', ')"


def equals(part: str, key: str, value: Any) -> str:
    """Return the expression: the map ``part`` has ``key`` with exactly this value."""
    name = literal(key)
    return f"{name} in dyn({part}) && dyn({part})[{name}] == {literal(value)}"


def either(conditions: Collection[str]) -> str:
    """Return the expression: at least one of the conditions holds. Equal ones count once."""
    found = dict.fromkeys(conditions)
    return " || ".join(f"({each})" for each in found)


def same_amount(part: str, name: str, value: str) -> str:
    """Return the expression: the map ``part`` has this quantity, in any spelling."""
    return (
        f"{literal(name)} in dyn({part}) && "
        f"quantity(string(dyn({part})[{literal(name)}])).compareTo(quantity({literal(value)})) == 0"
    )


def same_amounts(part: str, amounts: dict[str, str]) -> str:
    """Return the expression: ``part`` has exactly these quantities, in any spelling."""
    each = [same_amount(part, name, value) for name, value in amounts.items()]
    return " && ".join([has_only(part, amounts), *each])
