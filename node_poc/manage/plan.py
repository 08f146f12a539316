"""PURE: which objects to apply, which to remove, and what changes.

An object is known by its key: kind, namespace and name.
"""

from __future__ import annotations

import base64
import copy
import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from node_poc.manage.owned import without_bookkeeping
from node_poc.manifests import identity

Object = dict[str, Any]
_SECRET = "Secret"  # noqa: S105  a kind, no secret
_NAMESPACE = "Namespace"
#: Kinds of which a node may have objects that its file asks for no more, in the order of removal.
PRUNED_KINDS = (
    "Deployment",
    "Service",
    "ConfigMap",
    _SECRET,
    "NetworkPolicy",
    "RoleBinding",
    "Role",
    "ServiceAccount",
)
#: Kinds outside of any namespace: a person without rights on the whole cluster goes on without.
CLUSTER_KINDS = ("ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy")


class Key(NamedTuple):
    """How an object is known in the cluster; ``namespace`` is None outside of namespaces."""

    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        """Return kind and name, as ``kubectl`` prints them."""
        return f"{self.kind.lower()}/{self.name}"


@dataclass(frozen=True)
class Notes:
    """Facts that the command writes on the node's Deployment, for ``list`` and ``status``."""

    node_name: str
    server: str
    collaboration: str = ""
    organization: str = ""

    def annotations(self) -> dict[str, str]:
        """Return the annotations; unknown facts are left out."""
        facts = {
            identity.ANNOTATION_NODE_NAME: self.node_name,
            identity.ANNOTATION_SERVER: self.server,
            identity.ANNOTATION_COLLABORATION: self.collaboration,
            identity.ANNOTATION_ORGANIZATION: self.organization,
        }
        return {name: value for name, value in facts.items() if value}


def key_of(made: Object) -> Key:
    """Return an object's key."""
    metadata = made["metadata"]
    return Key(made["kind"], metadata.get("namespace"), metadata["name"])


def prepared(rendered: Iterable[Object], node_label: str, notes: Notes) -> list[Object]:
    """Return rendered objects as the command applies them.

    Each gets the node's label, by which ``start`` and ``remove`` find it again. Secrets are
    encoded, because the API server tracks the owner of ``data`` but not of ``stringData``. The
    node's Deployment gets the notes.
    """
    return [_prepared(each, node_label, notes) for each in rendered]


def _prepared(rendered: Object, node_label: str, notes: Notes) -> Object:
    made = copy.deepcopy(rendered)
    labels = dict(made["metadata"].get("labels") or {})  # a selector may be the same mapping
    made["metadata"]["labels"] = labels
    if made["kind"] == _NAMESPACE:
        made["metadata"]["annotations"] = {identity.ANNOTATION_MADE_BY: node_label}
    else:
        labels[identity.LABEL_NODE] = node_label
    if made["kind"] == _SECRET and "stringData" in made:
        texts = made.pop("stringData")
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
        made["data"] = {**made.get("data", {}), **encoded}
    if labels.get(identity.LABEL_COMPONENT) == identity.COMPONENT_NODE:
        made["metadata"].setdefault("annotations", {}).update(notes.annotations())
    return made


def superfluous(found: Iterable[Object], wanted: Iterable[Object]) -> list[Object]:
    """Return the objects of a node that its file does not ask for any more.

    Objects of this project only, and none that belongs to another object (``ownerReferences``).
    """
    keys = {key_of(each) for each in wanted}
    return [
        each
        for each in found
        if key_of(each) not in keys
        and (each["metadata"].get("labels") or {}).get(identity.LABEL_PART_OF) == identity.PART_OF
        and not each["metadata"].get("ownerReferences")
    ]


class Change(NamedTuple):
    """How an object changes: its former state and its next state, None where there is none."""

    key: Key
    before: Object | None
    after: Object | None

    @property
    def verb(self) -> str:
        """What happens to the object, in a word."""
        if self.before is None:
            return "created"
        if self.after is None:
            return "removed"
        return "unchanged" if _same(self.before, self.after) else "changed"


def changes(
    live: Mapping[Key, Object | None], after: Iterable[Object], removed: Iterable[Object]
) -> list[Change]:
    """Return a change for each object: applied ones in their order, then removed ones."""
    applied = [Change(key_of(each), live.get(key_of(each)), each) for each in after]
    return [*applied, *(Change(key_of(each), each, None) for each in removed)]


def _same(before: Object, after: Object) -> bool:
    return _comparable(before) == _comparable(after)


def _comparable(made: Object) -> Object:
    return {**without_bookkeeping(made), "apiVersion": "", "kind": made["kind"]}


def show_difference(change: Change) -> Iterator[str]:
    """Yield the lines of a unified difference, without any value of a Secret."""
    before = _shown(change.before, change.after, "former value")
    after = _shown(change.after, change.before, "new value")
    yield from difflib.unified_diff(
        before, after, f"{change.key} in the cluster", f"{change.key} by the file", lineterm=""
    )


def _shown(made: Object | None, other: Object | None, word: str) -> list[str]:
    if made is None:
        return []
    kept = without_bookkeeping(made)
    if made["kind"] == _SECRET:
        values, others = made.get("data") or {}, (other or {}).get("data") or {}
        kept["data"] = {
            name: "(secret)" if others.get(name) == value else f"(secret, {word})"
            for name, value in values.items()
        }
    return yaml.safe_dump(kept).splitlines()
