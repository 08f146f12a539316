"""Objects are applied in order, and what was there comes back after a failure."""

import copy

import pytest

from node_poc.cluster.errors import ClusterError, NotFoundError
from node_poc.manage.application import Application, made_by_us
from node_poc.manage.plan import Key, key_of
from node_poc.manifests import identity

FORBIDDEN = ClusterError("APPLY", 403, "Forbidden", "no right")


class Cluster:
    """Objects in memory; ``refused`` names kinds that this person may not touch."""

    def __init__(self, *present, refused=()):
        self.present = {key_of(each): each for each in present}
        self.refused = set(refused)
        self.calls = []
        self.breaks_at = None
        self.conflicts = 0

    def get(self, kind, namespace, name):
        if kind in self.refused:
            raise FORBIDDEN
        return copy.deepcopy(self.present.get(Key(kind, namespace, name)))

    def list_kind(self, kind, namespace, selector):
        return [x for k, x in self.present.items() if k[:2] == (kind, namespace)]

    def apply(self, wanted, *, dry_run=False):
        key = key_of(wanted)
        self.calls.append(f"dry {key}" if dry_run else str(key))
        if key.kind in self.refused:
            raise FORBIDDEN
        if key == self.breaks_at:
            raise ClusterError("APPLY", 422, "Invalid", "field is wrong")
        if not dry_run:
            self.present[key] = copy.deepcopy(wanted)
        return wanted

    def patch(self, kind, namespace, name, patch):
        self.calls.append(f"patch {kind.lower()}/{name}")
        if self.conflicts:
            self.conflicts -= 1
            raise ClusterError("PATCH", 409, "Conflict", "the object has been modified")
        self.present[Key(kind, namespace, name)]["metadata"] |= patch["metadata"]

    def delete(self, kind, namespace, name):
        self.calls.append(f"delete {kind.lower()}/{name}")
        return self.present.pop(Key(kind, namespace, name), None) is not None


def made(kind, name, **more):
    labels = {identity.LABEL_PART_OF: identity.PART_OF}
    metadata = {"name": name, "namespace": "v6-a", "labels": labels}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}


def applied(kind, name, fields, **more):
    """Return an object that the command has applied earlier, with these fields."""
    entry = {"manager": "v6-node", "operation": "Apply", "fieldsV1": fields}
    found = made(kind, name, **more)
    found["metadata"]["managedFields"] = [entry]
    return found


NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "v6-a"}}
SECRET = made("Secret", "config", data={"a": "new"})
POLICY = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": "p", "labels": {}},
}
NODE = made("Deployment", "node", spec={"replicas": 1, "image": "new"})
WANTED = [NAMESPACE, SECRET, POLICY, NODE]


def application(cluster):
    told = []
    return Application(cluster, WANTED, "node=a", told.append), told


def test_new_objects_are_applied_in_order_and_go_again_in_reverse():
    cluster = Cluster()
    made_, told = application(cluster)
    assert [change.verb for change in made_.apply()] == ["created"] * 4
    assert told[0] == "namespace/v6-a created"
    cluster.calls.clear()
    made_.put_back()
    assert cluster.calls[0] == "delete deployment/node"
    assert cluster.present == {}


def test_a_namespace_of_somebody_else_stays_as_it_is():
    cluster = Cluster(NAMESPACE)
    made_, _ = application(cluster)
    made_.apply()
    made_.put_back()
    assert list(cluster.present.values()) == [NAMESPACE]
    assert "namespace/v6-a" not in cluster.calls


def test_former_fields_come_back_and_a_stopped_node_stays_stopped():
    spec = {"f:spec": {"f:image": {}}}
    former_node = applied("Deployment", "node", spec, spec={"replicas": 0, "image": "old", "x": 1})
    former_secret = applied("Secret", "config", {"f:data": {"f:a": {}}}, data={"a": "old"})
    cluster = Cluster(NAMESPACE, former_secret, former_node)
    made_, _ = application(cluster)
    made_.apply()
    cluster.calls.clear()
    made_.put_back()
    assert cluster.present[key_of(NODE)]["spec"] == {"image": "old", "replicas": 0}
    assert cluster.present[key_of(SECRET)]["data"] == {"a": "old"}
    assert cluster.calls[:2] == ["secret/config", "deployment/node"]


def test_objects_of_kubectl_come_back_whole():
    former = made("Deployment", "node", spec={"replicas": 1, "image": "old", "x": 1})
    cluster = Cluster(NAMESPACE, former)
    made_, _ = application(cluster)
    made_.apply()
    made_.put_back()
    assert cluster.present[key_of(NODE)]["spec"] == {"replicas": 1, "image": "old", "x": 1}


def test_only_what_was_applied_before_a_refusal_is_put_back():
    cluster = Cluster(NAMESPACE)
    cluster.breaks_at = key_of(NODE)
    made_, _ = application(cluster)
    with pytest.raises(ClusterError, match="field is wrong"):
        made_.apply()
    made_.put_back()
    assert list(cluster.present.values()) == [NAMESPACE]


def test_an_object_whose_answer_is_lost_is_put_back_too():
    class Lossy(Cluster):
        def apply(self, wanted, *, dry_run=False):
            super().apply(wanted, dry_run=dry_run)
            if wanted["kind"] == "Secret":
                raise KeyboardInterrupt
            return wanted

    cluster = Lossy(NAMESPACE)
    made_, _ = application(cluster)
    with pytest.raises(KeyboardInterrupt):
        made_.apply()
    made_.put_back()
    assert list(cluster.present.values()) == [NAMESPACE]


def test_without_rights_on_the_cluster_a_person_goes_on_with_a_warning():
    cluster = Cluster(refused=("Namespace", "ValidatingAdmissionPolicy"))
    made_, told = application(cluster)
    assert [change.key.kind for change in made_.apply()] == ["Secret", "Deployment"]
    assert len([line for line in told if line.startswith("warning:")]) == 2


def test_without_rights_on_the_namespace_nothing_goes_on():
    with pytest.raises(ClusterError, match="no right"):
        application(Cluster(refused=("Secret",)))


def test_a_dry_run_changes_nothing():
    surplus = made("Secret", "old")
    cluster = Cluster(NAMESPACE, surplus)
    made_, _ = application(cluster)
    verbs = {str(change.key): change.verb for change in made_.try_out()}
    assert verbs["secret/config"] == "created"
    assert verbs["secret/old"] == "removed"
    assert list(cluster.present.values()) == [NAMESPACE, surplus]


def test_a_dry_run_goes_on_without_the_namespace():
    class Empty(Cluster):
        def apply(self, wanted, *, dry_run=False):
            raise NotFoundError("APPLY", 404, "NotFound", "namespaces not found")

    made_, _ = application(Empty())
    assert [change.verb for change in made_.try_out()] == ["created"] * 4


def test_what_the_file_asks_for_no_more_is_removed():
    cluster = Cluster(NAMESPACE, made("Secret", "old"))
    made_, told = application(cluster)
    made_.apply()
    made_.prune()
    assert Key("Secret", "v6-a", "old") not in cluster.present
    assert "secret/old removed" in told[-1]


def test_a_namespace_tells_its_maker():
    notes = {"annotations": {identity.ANNOTATION_MADE_BY: "a"}}
    assert made_by_us({"metadata": notes})
    assert not made_by_us(NAMESPACE)
    assert not made_by_us(None)


def by(manager, operation, **metadata):
    entry = {"manager": manager, "operation": operation, "fieldsV1": {"f:data": {"f:a": {}}}}
    found = made("Secret", "config", data={"a": "old"})
    found["metadata"] |= {"resourceVersion": "7", "managedFields": [entry], **metadata}
    return found


def test_objects_of_kubectl_are_taken_over_before_they_are_applied():
    cluster = Cluster(NAMESPACE, by("kubectl-client-side-apply", "Update"))
    made_, told = application(cluster)
    made_.apply()
    calls = [call for call in cluster.calls if call.endswith("secret/config")]
    assert calls == ["patch secret/config", "secret/config"]
    assert "secret/config taken over from kubectl apply" in told


def test_a_program_that_also_applies_the_objects_is_told():
    made_, told = application(Cluster(NAMESPACE, by("argocd-controller", "Apply")))
    made_.apply()
    assert told[0].startswith("warning: argocd-controller also applies objects of this node")


def test_an_object_that_changes_meanwhile_is_taken_over_all_the_same():
    cluster = Cluster(NAMESPACE, by("kubectl", "Apply"))
    made_, told = application(cluster)
    cluster.conflicts = 2
    made_.apply()
    assert cluster.calls.count("patch secret/config") == 3
    assert "secret/config taken over from kubectl apply" in told
