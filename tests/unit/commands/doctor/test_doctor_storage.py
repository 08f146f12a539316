"""What doctor says about claims."""

import pytest

from node_poc.cluster.errors import ClusterError
from node_poc.commands.doctor.lines import Level
from node_poc.commands.doctor.storage import (
    look_at_claims,
    look_at_storage,
    of_claim,
    of_folders,
    of_volume,
)
from tests.fakes.examples import config
from tests.unit.commands.doctor.api_answers import Answers

NAMESPACE = "/api/v1/namespaces/v6-jobs"
SPACE = f"{NAMESPACE}/persistentvolumeclaims"
EVENTS = {f"{NAMESPACE}/events": []}


def claim(phase="Bound", modes=("ReadWriteMany",), name="tasks"):
    return {
        "metadata": {"name": name},
        "spec": {"storageClassName": "shared", "accessModes": list(modes)},
        "status": {"phase": phase, "accessModes": list(modes)} if phase else {},
    }


def with_claims():
    made = config()
    update = {"mode": "pvc", "claim": "tasks", "databases_claim": "data"}
    storage = made.kubernetes.storage.model_copy(update=update)
    settings = made.kubernetes.model_copy(update={"storage": storage})
    return made.model_copy(update={"kubernetes": settings})


@pytest.mark.parametrize(
    ("found", "level", "told"),
    [
        (claim(), Level.OK, "bound (ReadWriteMany, StorageClass shared)"),
        (claim(modes=["ReadWriteOnce"]), Level.WARNING, "single machine"),
        (claim(modes=["ReadWriteOnce", "ReadWriteMany"]), Level.OK, "bound"),
        (claim(modes=["ReadWriteOncePod"]), Level.FAILURE, "single pod"),
        (claim(modes=["ReadOnlyMany"]), Level.FAILURE, "read-only"),
        (claim("Pending"), Level.WARNING, "no volume yet"),
        (claim(None), Level.WARNING, "no volume yet"),
        (claim("Lost"), Level.FAILURE, "lost"),
    ],
)
def test_a_claim_is_judged_by_phase_and_access(found, level, told):
    line = of_claim("claim", found)
    assert line.level is level
    assert told in line.found
    assert bool(line.remedy) == (level is not Level.OK)


def test_databases_may_be_read_only():
    assert of_claim("databases_claim", claim(modes=["ReadOnlyMany"])).level is Level.OK


def test_a_missing_claim_is_named_with_its_key():
    api = Answers(EVENTS | {f"{SPACE}/tasks": claim()})
    good, bad = look_at_claims(with_claims(), api)
    assert (good.level, bad.level) == (Level.OK, Level.FAILURE)
    assert "kubernetes.storage.databases_claim: the claim data is missing" in bad.found


def test_folders_of_the_machine_need_no_claim():
    assert not list(look_at_storage(config(), Answers({"/api/v1/nodes": [machine("a")]})))


def machine(name, *, ready="True", cordoned=False, taints=(), **labels):
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "spec": {"unschedulable": cordoned, "taints": list(taints)},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
A, B = machine("a", room="1"), machine("b")


def placed(**fields):
    return config(placement={"node": fields, "algorithms": fields})


@pytest.mark.parametrize(
    ("settings", "machines", "doubts"),
    [
        (config(), [A], 0),
        (config(), [A, B], 1),
        (config(), [A, machine("b", cordoned=True)], 0),
        (config(), [A, machine("b", taints=[TAINT])], 0),
        (placed(node_selector={"room": "1"}), [A, B], 0),
        (placed(affinity={"nodeAffinity": {}, "podAffinity": {"x": 1}}), [A, B], 0),
        (config(placement={"node": {"node_selector": {"room": "1"}}}), [A, B], 1),
    ],
)
def test_folders_are_doubtful_where_several_machines_may_run_pods(settings, machines, doubts):
    lines = list(of_folders(settings, machines))
    assert [line.level for line in lines] == [Level.WARNING] * doubts
    assert all("node_selector" in line.remedy for line in lines)


def test_an_event_tells_why_a_claim_has_no_volume():
    warning = {"type": "Warning", "message": 'storageclass "x" not found'}
    line = of_claim("claim", claim("Pending"), [warning])
    assert line.level is Level.FAILURE
    assert 'the claim tasks has no volume yet (StorageClass shared): storageclass "x"' in line.found
    slow = of_claim("claim", claim("Pending"), [{"type": "Normal", "message": "waiting"}])
    assert slow.level is Level.WARNING


def volume(*machines):
    terms = [{"matchExpressions": [machine_is(machines)]}] if machines else []
    spec = {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}} if machines else {}
    return {"metadata": {"name": "pv-1"}, "spec": spec}


def machine_is(names):
    return {"key": "kubernetes.io/hostname", "operator": "In", "values": list(names)}


@pytest.mark.parametrize(
    ("machines", "told"),
    [
        ([A, machine("b", cordoned=True)], "is on the machine b (cordoned)"),
        ([A, machine("b", ready="Unknown")], "is on the machine b (not ready)"),
        ([A], "is on the machine b (not in the cluster)"),
    ],
)
def test_a_volume_on_a_machine_without_pods_is_a_failure(machines, told):
    (line,) = of_volume("claim", volume("b"), machines)
    assert line.level is Level.FAILURE
    assert told in line.found
    assert "uncordon" in line.remedy


@pytest.mark.parametrize("found", [volume("a"), volume("a", "b"), volume()])
def test_a_volume_that_a_machine_can_mount_is_fine(found):
    assert not list(of_volume("claim", found, [A, machine("b", cordoned=True)]))


def bound():
    made = claim()
    made["spec"]["volumeName"] = "pv-1"
    return made


def test_the_machine_of_each_bound_claim_is_looked_at():
    claims = {f"{SPACE}/tasks": bound(), f"{SPACE}/data": claim()}
    around = {"/api/v1/persistentvolumes/pv-1": volume("b"), "/api/v1/nodes": [A]}
    lines = list(look_at_storage(with_claims(), Answers(EVENTS | claims | around)))
    assert [line.level for line in lines] == [Level.OK, Level.FAILURE, Level.OK]


def test_without_the_right_to_see_volumes_the_claims_are_judged_alone():
    class Refusing(Answers):
        def call(self, method, path, *, query=None):
            if path.startswith("/api/v1/persistentvolumes"):
                raise ClusterError(path, 403, "Forbidden", "no right")
            return super().call(method, path, query=query)

    claims = {f"{SPACE}/tasks": bound(), f"{SPACE}/data": claim()}
    lines = list(look_at_claims(with_claims(), Refusing(EVENTS | claims)))
    assert [line.level for line in lines] == [Level.OK, Level.OK]


def test_a_claim_that_is_being_deleted_is_a_failure():
    leaving = claim()
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    line = of_claim("claim", leaving)
    assert line.level is Level.FAILURE
    assert "is being deleted" in line.found
