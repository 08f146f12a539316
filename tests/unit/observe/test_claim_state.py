"""Why a pod waits for its volume or its machine, and the remedy."""

import pytest

from node_poc.observe.claim_state import (
    claims_of,
    remedy_of_mount,
    remedy_of_waiting,
    waiting_claim,
)


def claim(phase, storage_class="fast"):
    spec = {"storageClassName": storage_class} if storage_class else {}
    return {"metadata": {"name": "tasks"}, "spec": spec, "status": {"phase": phase}}


def event(message, second, kind="Normal"):
    return {"type": kind, "message": message, "lastTimestamp": f"2026-01-01T00:00:{second:02}Z"}


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("1 node(s) didn't match PersistentVolume's node affinity", "its volume is on one machine"),
        ("1 node(s) had volume node affinity conflict", "its volume is on one machine"),
        ('persistentvolumeclaim "tasks" not found', "make the claim again"),
        ('persistentvolumeclaim "tasks" is being deleted', "make the claim again"),
        ('persistentvolumeclaim "a" bound to non-existent persistentvolume "b"', "volume is gone"),
        ("pod has unbound immediate PersistentVolumeClaims", "kubectl describe pvc"),
        ("1 node(s) were unschedulable, 1 node(s) had untolerated taint(s)", "uncordon"),
        ("2 Insufficient cpu", "node_cpu_request"),
    ],
)
def test_each_word_of_the_scheduler_has_its_remedy(message, remedy):
    assert remedy in remedy_of_waiting(f"0/2 nodes are available: {message}.")


def test_a_volume_that_another_machine_has_is_not_a_missing_folder():
    assert "another machine" in remedy_of_mount("Multi-Attach error for volume x")
    assert "make the folder" in remedy_of_mount("no such folder")


def test_a_pods_claims_are_named():
    volumes = [{"name": "a", "persistentVolumeClaim": {"claimName": "tasks"}}, {"emptyDir": {}}]
    assert claims_of({"spec": {"volumes": volumes}}) == ["tasks"]
    assert claims_of({}) == []


def test_a_bound_claim_is_no_trouble():
    assert waiting_claim(claim("Bound"), [event("why", 1, "Warning")]) is None


def test_a_claim_without_volume_is_told_with_its_newest_warning():
    events = [event("old", 1, "Warning"), event("no such class", 2, "Warning"), event("x", 3)]
    told = waiting_claim(claim("Pending"), events)
    assert told == "claim tasks has no volume yet (StorageClass fast): no such class"
    slow = waiting_claim(claim("Pending"), [event("waiting for a volume", 3)])
    assert slow.endswith("waiting for a volume")
    assert "no StorageClass" in waiting_claim(claim("Pending", None), [])


def test_a_lost_claim_is_told():
    assert waiting_claim(claim("Lost"), []) == "claim tasks has lost its volume"
