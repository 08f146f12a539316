"""PURE: all names, labels and annotations of a run's objects. No other file spells them out.

The names are made from the node's name and the run id. Creating the same run twice therefore hits
the same object (HTTP 409), and two nodes in one namespace never collide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from node_poc.config.base import short_hash
from node_poc.runs.digits import number_or_none

LABEL_NODE = "vantage6.ai/node"
LABEL_RUN = "vantage6.ai/run-id"
LABEL_EGRESS = "vantage6.ai/egress"
_LABEL_REACHES = "vantage6.ai/reaches-"
LABEL_COMPONENT = "app.kubernetes.io/component"
LABEL_PART_OF = "app.kubernetes.io/part-of"
LABEL_ACTS_IN = "vantage6.ai/namespace"  # on objects outside of any namespace
LABEL_NAMESPACE = "kubernetes.io/metadata.name"  # set by Kubernetes on each namespace
LABEL_NAME = "app.kubernetes.io/name"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
PART_OF = "v6-node"
COMPONENT_ALGORITHM = "algorithm"
COMPONENT_PROXY = "proxy"
COMPONENT_NODE = "node"
COMPONENT_WHITELIST = "whitelist-proxy"  # squid, for the names in ``whitelist.domains``
COMPONENT_CONTROL = "walls-control"  # the pod of the self-test that no policy selects
TESTER_RUN = "walls-"  # how the run id of a Job of the self-test begins, which is no run's
ANNOTATION_DELIVERED = "vantage6.ai/result-delivered"
ANNOTATION_DELIVERED_AT = "vantage6.ai/result-delivered-at"
ANNOTATION_AUDIT_HEAD = "vantage6.ai/audit-head"  # on the Lease
ANNOTATION_VERSION = "vantage6.ai/version"  # on the Lease
ANNOTATION_CHECKSUM = "vantage6.ai/configuration"
ANNOTATION_IMAGE = "vantage6.ai/image"
ANNOTATION_CONTENT = "vantage6.ai/content"
# Notes of the command `v6-node` on its objects.
ANNOTATION_MADE_BY = "vantage6.ai/made-by"  # on a namespace that the command made
ANNOTATION_NODE_NAME = "vantage6.ai/node-name"
ANNOTATION_SERVER = "vantage6.ai/server"
ANNOTATION_COLLABORATION = "vantage6.ai/collaboration"
ANNOTATION_ORGANIZATION = "vantage6.ai/organization"
# On a Job, which Kueue then suspends until the queue of this name has room
# (https://kueue.sigs.k8s.io/docs/tasks/run/jobs/).
LABEL_QUEUE = "kueue.x-k8s.io/queue-name"
CONTAINER = "algorithm"
GATE = "gate"  # the init container that waits for the NetworkPolicies
# Keep service meshes from adding their sidecar to a pod, or from taking its traffic over. A pod of
# this node would not end beside a sidecar, and the NetworkPolicies cut a sidecar off from its mesh.
LABELS_NO_MESH = MappingProxyType(
    {"sidecar.istio.io/inject": "false", "istio.io/dataplane-mode": "none"}
)
ANNOTATIONS_NO_MESH = MappingProxyType(
    {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"}
)
# Kubernetes adds these labels to each pod of a Job.
LABELS_OF_JOB_CONTROLLER = (
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "job-name",
)

_SLUG_LENGTH = 24


def slug(text: str) -> str:
    """Turn any text into a DNS label; different texts give different labels.

    ``My Node`` and ``my-node`` give different results, because a hash of the text is added. The
    result has at most 33 characters: with ``-run-`` and 19 digits the name stays below the 63
    characters of a label.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_SLUG_LENGTH].strip("-")
    digest = short_hash(text)
    return f"{plain}-{digest}" if plain else f"n-{digest}"


def reaches_label(database: str) -> str:
    """Return the pod label by which a NetworkPolicy lets a run reach a service database.

    A label's name has at most 63 characters and ends in a letter or digit; other names are changed.
    """
    plain = re.fullmatch(r"[A-Za-z0-9_]{0,54}[A-Za-z0-9]", database)
    return _LABEL_REACHES + (database if plain else slug(database))


@dataclass(frozen=True)
class Identity:
    """The names that one node gives to its objects. ``node`` is the node's name as configured."""

    node: str

    @property
    def node_label(self) -> str:
        """Value of the node label, on every object of this node."""
        return slug(self.node)

    @property
    def own_labels(self) -> dict[str, str]:
        """The labels of every object of this node."""
        return {LABEL_PART_OF: PART_OF, LABEL_NODE: self.node_label}

    def labels_of(self, component: str) -> dict[str, str]:
        """Return the labels of the pods of one component of this node."""
        return {**component_labels(component), LABEL_NODE: self.node_label}

    def job_name(self, run_id: int) -> str:
        """Return the name of the run's Job."""
        return f"{self.node_label}-run-{run_id}"

    def tester_name(self, run: str) -> str:
        """Return the name of a Job of the self-test, whose label of the run is ``run``."""
        return f"{self.node_label}-run-{run}"

    def testers_selector(self, runs: Sequence[str]) -> str:
        """Return the label selector of the pods of one self-test, by their labels of the run."""
        return f"{LABEL_NODE}={self.node_label},{LABEL_RUN} in ({','.join(runs)})"

    @property
    def pull_secret_name(self) -> str:
        """Name of the Secret with the node's logins to registries."""
        return f"{self.node_label}-registries"

    @property
    def databases_secret_name(self) -> str:
        """Name of the Secret with the values that only algorithms may read."""
        return f"{self.node_label}-databases"

    @property
    def whitelist_service(self) -> str:
        """Name of the Service, the Deployment and the policy of the forward proxy."""
        return f"{self.node_label}-whitelist"

    def reaches_policy(self, database: str) -> str:
        """Return the name of the NetworkPolicy that lets runs reach a service database."""
        return f"{self.node_label}-reaches-{slug(database)}"

    def shared_folder(self, job_id: int) -> str:
        """Return the name of the folder that a vantage6 task shares with subtasks on this node."""
        return f"{self.node_label}-job-{job_id}"

    def labels(self, run_id: int, egress: str, services: Sequence[str] = ()) -> dict[str, str]:
        """Return the labels of the run's Job and pod, on which the policies and the watches select.

        ``services``: labels of the databases that the run may reach over the network.
        """
        return {
            LABEL_NAME: "v6-algorithm",
            LABEL_PART_OF: PART_OF,
            LABEL_COMPONENT: COMPONENT_ALGORITHM,
            LABEL_MANAGED_BY: PART_OF,
            LABEL_NODE: self.node_label,
            LABEL_RUN: str(run_id),
            LABEL_EGRESS: egress,
            **{reaches_label(service): "true" for service in services},
        }

    def run_selector(self, run_id: int) -> str:
        """Return the label selector of one run of this node."""
        return f"{self.selector},{LABEL_RUN}={run_id}"

    @property
    def own_selectors(self) -> list[str]:
        """Label selectors of the pods of this vantage6 node and of its proxy."""
        parts = (COMPONENT_NODE, COMPONENT_PROXY)
        return [f"{LABEL_NODE}={self.node_label},{LABEL_COMPONENT}={part}" for part in parts]

    @property
    def selector(self) -> str:
        """Label selector of all runs of this node."""
        return f"{LABEL_NODE}={self.node_label},{LABEL_COMPONENT}={COMPONENT_ALGORITHM}"


def component_labels(component: str) -> dict[str, str]:
    """Return the labels of the pods of one component, of all nodes."""
    return {LABEL_PART_OF: PART_OF, LABEL_COMPONENT: component}


def mark_content(job: dict[str, Any], digest: str) -> None:
    """Write the digest of the run's content on the Job and its pod.

    A server may give the id of a deleted run to another run; the digest tells the two runs apart.
    """
    for made in (job, job["spec"]["template"]):
        annotations = made["metadata"].get("annotations") or {}
        made["metadata"]["annotations"] = annotations | {ANNOTATION_CONTENT: digest}


def is_delivered(metadata: dict[str, Any]) -> bool:
    """Return whether the node has marked a Job: the server has the run's result."""
    return ANNOTATION_DELIVERED in (metadata.get("annotations") or {})


def content_of(metadata: dict[str, Any]) -> str:
    """Return the digest that ``mark_content`` wrote; empty on objects of an older node."""
    return str((metadata.get("annotations") or {}).get(ANNOTATION_CONTENT, ""))


def run_id_of(labels: dict[str, str]) -> int | None:
    """Return the id of the run that an object's labels name; None if the labels name no run."""
    return number_or_none(labels.get(LABEL_RUN))
