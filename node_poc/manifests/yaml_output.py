"""PURE: Kubernetes objects as YAML that every reader understands alike.

PyYAML follows YAML 1.1, the readers of Kubernetes newer rules as well: `12e345` is a text for the
former, and a number for the latter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

# Texts that some reader takes for another type, and PyYAML writes without quotes.
_MAY_BE_A_NUMBER = re.compile(r"[-+]?\.?\d[\d_.]*([eE][-+]?\d+)?|0[oOxXbB][\da-fA-F_]+|[yYnN]")


class PlainDumper(yaml.SafeDumper):
    """Writes repeated values in full at each place, without YAML's anchors and aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return True for all data: people read the output too, and anchors are for programs."""
        return True

    def represent_text(self, text: str) -> yaml.Node:
        """Return the scalar of a text, with quotes if a reader would take it for another type."""
        style = "'" if _MAY_BE_A_NUMBER.fullmatch(text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


PlainDumper.add_representer(str, PlainDumper.represent_text)


def to_yaml(objects: Iterable[dict[str, Any]]) -> str:
    """Return the objects as one YAML text of several documents, keys in their order."""
    return str(yaml.dump_all(objects, Dumper=PlainDumper, sort_keys=False))
