"""PURE: set a key of a YAML file and leave everything else as it is, comments included."""

from __future__ import annotations

import json
from typing import Any

import yaml

from node_poc.config.errors import ConfigError
from node_poc.config.yaml_text import parse_yaml


def with_value(text: str, key: str, value: Any) -> str:
    """Return the text with ``value`` as the value of a top-level key. Raises ConfigError.

    ``value``: texts, numbers, booleans, and mappings of these; written in one line.
    """
    before = parse_yaml(text)
    entry = f"{key}: {json.dumps(value, ensure_ascii=False)}"
    place = _place(text, key)
    if place is None:
        changed = f"{text.rstrip()}\n{entry}\n"
    else:
        changed = text[: place[0]] + entry + text[place[1] :]
    if parse_yaml(changed) != before | {key: value}:
        raise ConfigError(f"{key}: cannot be set in this file by the command; edit the file")
    return changed


def _place(text: str, key: str) -> tuple[int, int] | None:
    """Return start and end of a top-level entry in the text; None without the entry."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for name, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if name.value == key:
            return name.start_mark.index, max(_end(value), name.end_mark.index + 1)
    return None


def _end(node: yaml.Node) -> int:
    """Return the end of a value without the comments and blank lines behind a block."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.index
    return end
