"""The rights that a Role grants, as a set that tests compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: API group, resource with its subresource, verb.
Right = tuple[str, str, str]


def granted(role: Mapping[str, Any]) -> set[Right]:
    """Return the rights of a Role, whatever names restrict them."""
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
