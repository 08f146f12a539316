"""PURE: which field manager has set which part of an object, from ``managedFields``.

The API server keeps, for each manager, the set of its fields in the form FieldsV1: ``f:name`` is a
field, ``k:{...}`` the list item with these keys, ``v:...`` an item by its value, and ``.`` the
place itself (``sigs.k8s.io/structured-merge-diff``). With this set, the command can put back the
configuration of an earlier ``start`` without keeping a copy of any Secret.
"""

from __future__ import annotations

import json
from typing import Any

Object = dict[str, Any]
_APPLY = "Apply"
_UPDATE = "Update"
# The managers of `kubectl apply`, without and with --server-side.
_KUBECTL = frozenset({("kubectl-client-side-apply", _UPDATE), ("kubectl", _APPLY)})
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SELF = "."
_KEPT = ("name", "namespace", "labels", "annotations")
# Of kubectl (with a copy of the whole object, also of a Secret) and of the Deployment's controller.
_NOTES = frozenset({LAST_APPLIED, "deployment.kubernetes.io/revision"})


def applied_part(live: Object, manager: str) -> Object | None:
    """Return the object as ``manager`` applied it last; None if the manager never applied it."""
    metadata = live["metadata"]
    for entry in metadata.get("managedFields") or []:
        if (entry.get("manager"), entry.get("operation")) == (manager, _APPLY):
            part = _part(live, entry.get("fieldsV1") or {})
            names = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
            own = {"apiVersion": live["apiVersion"], "kind": live["kind"]}
            return {**part, **own, "metadata": {**part.get("metadata", {}), **names}}
    return None


def of_kubectl_for(manager: str, live: Object) -> Object | None:
    """Return the patch that gives ``manager`` all fields of ``kubectl apply``; None without fields.

    Without the patch, a field that the configuration asks for no more would stay, because kubectl's
    books still hold the field. The patch also removes the annotation in which kubectl keeps a copy
    of the object, which for a Secret means its values.
    """
    entries = live["metadata"].get("managedFields") or []
    theirs = [each for each in entries if _by(each) in _KUBECTL and not each.get("subresource")]
    if not theirs:
        return None
    own = [each for each in entries if _by(each) == (manager, _APPLY)]
    fields: dict[str, Any] = {}
    for each in (*own, *theirs):
        fields = _union(fields, each.get("fieldsV1") or {})
    kept = [each for each in entries if each not in theirs and each not in own]
    merged = {**theirs[0], "manager": manager, "operation": _APPLY, "fieldsV1": fields}
    return {
        "metadata": {
            "resourceVersion": live["metadata"]["resourceVersion"],
            "managedFields": [*kept, merged],
            "annotations": {LAST_APPLIED: None},
        }
    }


def other_appliers(manager: str, live: Object) -> list[str]:
    """Return the other programs that apply the object, such as Helm or a GitOps controller."""
    entries = live["metadata"].get("managedFields") or []
    found = {each.get("manager", "") for each in entries if each.get("operation") == _APPLY}
    return sorted(found - {manager, *(name for name, _ in _KUBECTL)})


def _by(entry: Object) -> tuple[str, str]:
    return entry.get("manager", ""), entry.get("operation", "")


def _union(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return the union of two sets of fields."""
    both = {key: _union(one[key], other[key]) for key in one.keys() & other.keys()}
    return {**one, **other, **both}


def without_bookkeeping(live: Object) -> Object:
    """Return an object without the fields that the API server maintains."""
    metadata = {key: live["metadata"][key] for key in _KEPT if live["metadata"].get(key)}
    notes = {key: x for key, x in metadata.pop("annotations", {}).items() if key not in _NOTES}
    if notes:
        metadata["annotations"] = notes
    return {key: value for key, value in live.items() if key != "status"} | {"metadata": metadata}


def _part(value: Any, fields: dict[str, Any]) -> Any:
    """Return the part of a value that a set of fields names; a set without members is the whole."""
    inner = {key: below for key, below in fields.items() if key != _SELF}
    if not inner:
        return value
    if isinstance(value, dict):
        named = ((key.removeprefix("f:"), below) for key, below in inner.items())
        return {key: _part(value[key], below) for key, below in named if key in value}
    if isinstance(value, list):
        return [_part(item, below) for item in value for below in [_of_item(item, inner)] if below]
    return value


def _of_item(item: Any, fields: dict[str, Any]) -> dict[str, Any] | None:
    """Return the set of fields of a list's item, or None if the set has no such item."""
    for key, below in fields.items():
        form, _, text = key.partition(":")
        if form == "v" and json.loads(text) == item:
            return {_SELF: {}}
        if form == "k" and isinstance(item, dict):
            keys = json.loads(text)
            if all(item.get(name) == value for name, value in keys.items()):
                return below or {_SELF: {}}
    return None
