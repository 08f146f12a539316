"""PURE: JSON schemas of the chart's values, by which Helm refuses a wrong value."""

from __future__ import annotations

from typing import Any

from node_poc.config.base import OBJECT_NAME
from node_poc.config.placement import TAKEN, TAKEN_NAMES

Schema = dict[str, Any]
OBJECT: Schema = {"type": "object"}
BOOLEAN: Schema = {"type": "boolean"}
POLICY: Schema = {"enum": ["Always", "IfNotPresent", "Never"]}
# The same rule as for the configuration file.
_DOMAINS = "|".join(TAKEN).replace(".", r"\.")
_TAKEN = rf"^({'|'.join(TAKEN_NAMES)}|([^/]*\.)?({_DOMAINS})/.*)$"
_METADATA: Schema = {"type": "object", "propertyNames": {"not": {"pattern": _TAKEN}}}
LABELS: Schema = {**_METADATA, "additionalProperties": {"type": "string", "maxLength": 63}}
ANNOTATIONS: Schema = {**_METADATA, "additionalProperties": {"type": "string"}}
_AMOUNTS: Schema = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
RESOURCES: Schema = {
    "type": "object",
    "properties": {"requests": _AMOUNTS, "limits": _AMOUNTS},
    "additionalProperties": False,
}
NAME: Schema = {"type": "string", "pattern": OBJECT_NAME}


def text(pattern: str) -> Schema:
    """Return the schema of a text that fits a regular expression."""
    return {"type": "string", "pattern": pattern}
