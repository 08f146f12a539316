"""How node and proxy are, from what the cluster shows."""

import pytest

from node_poc.manage.health import Part, Phase, judge, overall


def deployment(*, replicas=1, ready=1, updated=1, seen=2, conditions=()):
    status = {
        "observedGeneration": seen,
        "replicas": 1,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "conditions": list(conditions),
    }
    return {"metadata": {"generation": 2}, "spec": {"replicas": replicas}, "status": status}


def pod(*containers, ready=False, deleted=False, conditions=()):
    metadata = {"name": "node-1"} | ({"deletionTimestamp": "now"} if deleted else {})
    state = {"type": "Ready", "status": "True" if ready else "False"}
    status = {"conditions": [state, *conditions], "containerStatuses": list(containers)}
    return {"metadata": metadata, "status": status}


def waiting(reason, message="why"):
    return {"name": "node", "state": {"waiting": {"reason": reason, "message": message}}}


def test_a_ready_pod_of_the_present_configuration_is_online():
    assert judge("node", deployment(), [pod(ready=True)], []).phase is Phase.ONLINE


@pytest.mark.parametrize(
    "half_done", [{"seen": 1}, {"updated": 0}, {"ready": 0}], ids=lambda each: next(iter(each))
)
def test_a_pod_of_the_former_configuration_does_not_count(half_done):
    part = judge("node", deployment(**half_done), [pod(ready=True)], [])
    assert part.phase is Phase.STARTING


def test_a_pod_that_is_ending_does_not_count():
    part = judge("node", deployment(), [pod(waiting("ErrImagePull"), deleted=True)], [])
    assert (part.phase, part.troubles) == (Phase.STARTING, ())


def test_without_wanted_pods_a_node_is_stopped_and_without_objects_absent():
    assert judge("node", deployment(replicas=0), [], []).phase is Phase.STOPPED
    assert judge("node", None, [], []).phase is Phase.ABSENT


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "CreateContainerConfigError"])
def test_a_container_that_cannot_start_is_told_with_a_remedy(reason):
    (trouble,) = judge("node", deployment(ready=0), [pod(waiting(reason))], []).troubles
    assert trouble.is_final
    assert str(trouble).startswith(f"{reason}: pod node-1, container node: why; ")


def test_a_container_that_is_about_to_start_is_no_trouble():
    part = judge("node", deployment(ready=0), [pod(waiting("ContainerCreating"))], [])
    assert part.troubles == ()


def test_a_quota_is_told_in_the_words_of_kubernetes():
    refused = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "exceeded quota: small",
    }
    (trouble,) = judge("node", deployment(ready=0, conditions=[refused]), [], []).troubles
    assert trouble.is_final
    assert "exceeded quota: small; raise the quota" in str(trouble)


def test_a_pod_without_a_machine_may_still_get_one():
    lacking = {"type": "PodScheduled", "status": "False", "message": "Insufficient cpu"}
    (trouble,) = judge("node", deployment(ready=0), [pod(conditions=[lacking])], []).troubles
    assert not trouble.is_final
    assert "Insufficient cpu" in str(trouble)


def test_a_mount_that_fails_is_told_while_no_container_runs():
    failed = {
        "reason": "FailedMount",
        "involvedObject": {"name": "node-1"},
        "message": "no such folder",
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    (trouble,) = judge("node", deployment(ready=0), [pod()], [failed]).troubles
    assert "no such folder" in str(trouble)
    running = {"name": "node", "state": {"running": {}}}
    assert judge("node", deployment(ready=0), [pod(running)], [failed]).troubles == ()


@pytest.mark.parametrize(
    ("node", "proxy", "whole"),
    [
        (Phase.ONLINE, Phase.ONLINE, Phase.ONLINE),
        (Phase.ONLINE, Phase.STARTING, Phase.STARTING),
        (Phase.STOPPED, Phase.ONLINE, Phase.STOPPED),
        (Phase.ABSENT, Phase.ABSENT, Phase.ABSENT),
    ],
)
def test_a_node_is_as_good_as_its_parts(node, proxy, whole):
    assert overall([Part("node", node), Part("proxy", proxy)]) is whole


def lost(phase="Running"):
    condition = {"type": "DisruptionTarget", "reason": "DeletionByTaintManager"}
    made = pod(deleted=True, conditions=[condition])
    made["spec"] = {"nodeName": "room-3"}
    made["status"]["phase"] = phase
    return made


def test_a_pod_that_cannot_end_on_a_lost_machine_is_told():
    (trouble,) = judge("node", deployment(ready=0), [lost()], []).troubles
    assert "its machine room-3 does not answer; repair the machine" in str(trouble)
    assert not trouble.is_final
    assert judge("node", deployment(ready=0), [lost("Failed")], []).troubles == ()


def test_a_claim_without_volume_is_told():
    said = "claim tasks has no volume yet (StorageClass x): not found"
    (trouble,) = judge("node", deployment(ready=0), [pod()], [], [said]).troubles
    assert str(trouble).startswith(f"VolumeMissing: {said}; see `kubectl describe pvc`")


def test_a_pod_whose_volume_is_on_a_cordoned_machine_is_told_to_uncordon():
    why = "1 node(s) didn't match PersistentVolume's node affinity, 1 node(s) were unschedulable"
    lacking = {"type": "PodScheduled", "status": "False", "message": why}
    (trouble,) = judge("node", deployment(ready=0), [pod(conditions=[lacking])], []).troubles
    assert "its volume is on one machine: uncordon" in str(trouble)
