"""PURE: JSON schemas of the chart's values, by which Helm refuses a wrong value."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
OBJECT: Schema = {"type": "object"}
BOOLEAN: Schema = {"type": "boolean"}
POLICY: Schema = {"enum": ["Always", "IfNotPresent", "Never"]}
# Labels and annotations of the node, of Kubernetes and of meshes: policies select by them
# (`config/placement.py` has the same rule for the configuration file).
_TAKEN = (
    r"^(job-name|controller-uid"
    r"|([^/]*\.)?(vantage6\.ai|app\.kubernetes\.io|batch\.kubernetes\.io|istio\.io|linkerd\.io)/.*)$"
)
_METADATA: Schema = {"type": "object", "propertyNames": {"not": {"pattern": _TAKEN}}}
LABELS: Schema = {**_METADATA, "additionalProperties": {"type": "string", "maxLength": 63}}
ANNOTATIONS: Schema = {**_METADATA, "additionalProperties": {"type": "string"}}
_AMOUNTS: Schema = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
RESOURCES: Schema = {
    "type": "object",
    "properties": {"requests": _AMOUNTS, "limits": _AMOUNTS},
    "additionalProperties": False,
}
NAME: Schema = {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"}


def text(pattern: str) -> Schema:
    """Return the schema of a text that fits a regular expression."""
    return {"type": "string", "pattern": pattern}
