"""``kubernetes.placement``: where pods run, and what the site adds to their metadata."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from node_poc.config.base import OBJECT_NAME, SUBDOMAIN, Strict

#: Whose pods a setting is for; the forward proxy counts as ``proxy``.
Part = Literal["algorithms", "node", "proxy"]

# Kubernetes' rules for labels and annotations:
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"({SUBDOMAIN}/)?{_NAME}")
_VALUE = re.compile(rf"({_NAME})?")
#: Domains and names of keys that a site must not set: NetworkPolicies, the node and meshes go by
#: these.
TAKEN = ("vantage6.ai", "app.kubernetes.io", "batch.kubernetes.io", "istio.io", "linkerd.io")
TAKEN_NAMES = ("job-name", "controller-uid")
_QUEUE = "kueue.x-k8s.io/queue-name"
_AFFINITIES = frozenset({"nodeAffinity", "podAffinity", "podAntiAffinity"})
_ANNOTATIONS_LENGTH = 65_536
_MOST = 50


def _keys(value: dict[str, str]) -> dict[str, str]:
    for key in value:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key[:80]!r} is no key of a label; write name or example.org/name")
        domain = f".{key.rpartition('/')[0]}"
        if key in TAKEN_NAMES or domain.endswith(tuple(f".{each}" for each in TAKEN)):
            raise ValueError(f"{key!r} belongs to the node or to Kubernetes; use another key")
        if key == _QUEUE:
            raise ValueError(f"{key!r} belongs on Jobs only; set kubernetes.queue instead")
    return value


def _labels(value: dict[str, str]) -> dict[str, str]:
    for key, text in value.items():
        if not _VALUE.fullmatch(text):
            raise ValueError(f"{key}: a label has at most 63 letters, digits, `-`, `_` and `.`")
    return _keys(value)


def _annotations(value: dict[str, str]) -> dict[str, str]:
    if sum(len(text.encode()) for text in value.values()) > _ANNOTATIONS_LENGTH:
        raise ValueError(f"must be at most {_ANNOTATIONS_LENGTH} bytes in all")
    return _keys(value)


def _affinity(value: dict[str, Any]) -> dict[str, Any]:
    if not value.keys() <= _AFFINITIES:
        raise ValueError(f"must have keys of {', '.join(sorted(_AFFINITIES))} only")
    return value


class Placement(Strict):
    """Placement and metadata of the pods of one part, in Kubernetes' own words."""

    node_selector: dict[str, str] = Field(default={}, max_length=_MOST)
    """Labels of machines (`nodeSelector`): pods run only on machines that have all of them."""

    affinity: Annotated[dict[str, Any], AfterValidator(_affinity)] = Field(default={})
    """Kubernetes' `affinity`, as in a pod."""

    tolerations: list[dict[str, str | int]] = Field(default=[], max_length=_MOST)
    """Kubernetes' `tolerations`, as in a pod: pods may run on machines with these taints."""

    priority_class: str | None = Field(default=None, pattern=OBJECT_NAME)
    """Name of a PriorityClass of the cluster."""

    labels: Annotated[dict[str, str], AfterValidator(_labels)] = Field(default={}, max_length=_MOST)
    """Labels to add. For algorithms, both Job and pod bear them."""

    annotations: Annotated[dict[str, str], AfterValidator(_annotations)] = Field(
        default={}, max_length=_MOST
    )
    """Annotations to add, for example for a site's monitoring."""
