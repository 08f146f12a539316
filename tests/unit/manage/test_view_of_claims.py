"""What the commands read of a node from the cluster."""

import pytest

from node_poc.cluster.errors import ClusterError
from node_poc.manage.view import NodeView

LABELS = {"app.kubernetes.io/component": "node"}


class Objects:
    """A node whose pod waits for a claim; ``answer``: the claim, or an error."""

    def __init__(self, answer):
        self.answer = answer

    def list_kind(self, kind, _namespace, selector):
        if "component=proxy" in selector:
            return []
        if kind == "Deployment":
            return [{"metadata": {"labels": LABELS}, "spec": {"replicas": 1}}]
        volumes = [{"persistentVolumeClaim": {"claimName": "tasks"}}]
        metadata = {"name": "node-1", "creationTimestamp": "2026-01-01T00:00:00Z"}
        return [{"metadata": metadata, "spec": {"volumes": volumes}, "status": {}}]

    def get(self, kind, _namespace, name):
        assert (kind, name) == ("PersistentVolumeClaim", "tasks")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def events_of(self, _namespace, name):
        return [{"type": "Warning", "message": "no such class"}] if name == "tasks" else []


def troubles(answer):
    node, _ = NodeView(Objects(answer), "v6", "v6-node").parts()
    return [each.text for each in node.troubles]


def test_a_claim_that_the_pod_waits_for_is_told_with_its_events():
    pending = {"metadata": {"name": "tasks"}, "spec": {}, "status": {"phase": "Pending"}}
    (told,) = troubles(pending)
    assert told == "claim tasks has no volume yet (no StorageClass): no such class"


@pytest.mark.parametrize("answer", [None, ClusterError("GET", 403, "Forbidden", "no right")])
def test_claims_that_nobody_shows_stop_nothing(answer):
    assert troubles(answer) == []


def test_a_cluster_that_fails_is_no_healthy_claim():
    with pytest.raises(ClusterError):
        troubles(ClusterError("GET", 500, "Broken", "later"))
