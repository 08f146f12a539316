import pytest

from node_poc.runs.diagnosis import Patience, diagnose_waiting
from node_poc.runs.observed import PodObservation
from node_poc.runs.status import RunStatus

NO_IMAGE, START_FAILED = RunStatus.NO_DOCKER_IMAGE, RunStatus.START_FAILED


@pytest.mark.parametrize(
    ("reason", "message", "patience", "status", "cause"),
    [
        ("ErrImagePull", "x: not found", Patience.ABSENT, NO_IMAGE, "ImageNotFound"),
        ("ErrImagePull", "manifest unknown", Patience.ABSENT, NO_IMAGE, "ImageNotFound"),
        ("ErrImagePull", "403 Forbidden", Patience.SHORT, NO_IMAGE, "ImageRefused"),
        ("ErrImagePull", "401 Unauthorized", Patience.SHORT, NO_IMAGE, "ImageRefused"),
        (
            "ErrImagePull",
            "no match for platform in manifest: not found",
            Patience.SHORT,
            NO_IMAGE,
            "WrongArchitecture",
        ),
        ("ErrImagePull", "dial tcp: i/o timeout", Patience.LONG, NO_IMAGE, "ImagePullError"),
        ("ImagePullBackOff", "Back-off", Patience.LONG, NO_IMAGE, "ImagePullBackOff"),
        ("ImagePullBackOff", "Back-off: not found", Patience.ABSENT, NO_IMAGE, "ImageNotFound"),
        ("InvalidImageName", "", Patience.NONE, NO_IMAGE, "InvalidImageName"),
        ("ErrImageNeverPull", "", Patience.NONE, NO_IMAGE, "ErrImageNeverPull"),
        ("CreateContainerError", "m", Patience.SHORT, START_FAILED, "CreateContainerError"),
        ("CreateContainerConfigError", "m", Patience.SHORT, START_FAILED, None),
        ("RunContainerError", "m", Patience.SHORT, START_FAILED, "RunContainerError"),
        # Seen after containerd was killed: the kubelet's next attempt starts the container.
        (
            "RunContainerError",
            "error reading from server: EOF",
            Patience.LONG,
            START_FAILED,
            "RuntimeAway",
        ),
        (
            "CreateContainerError",
            "rpc error: code = Unavailable desc = connection error: desc = ...",
            Patience.LONG,
            START_FAILED,
            "RuntimeAway",
        ),
        (
            "CreateContainerConfigError",
            'secret "v6-node-databases" not found',
            Patience.SHORT,
            START_FAILED,
            "SecretMissing",
        ),
        (
            "CreateContainerConfigError",
            'failed to prepare subPath for volumeMount "databases" of container "algorithm"',
            Patience.SHORT,
            START_FAILED,
            "MountMissing",
        ),
        ("RegistryUnavailable", "m", Patience.LONG, NO_IMAGE, "ImagePullError"),
        ("SignatureValidationFailed", "m", Patience.SHORT, NO_IMAGE, None),
        ("ErrImagePull", "429 Too Many Requests", Patience.LONG, NO_IMAGE, "ImageRateLimited"),
        # Words in image names and in addresses are not words of the registry.
        (
            "ErrImagePull",
            'pull "a.b/forbidden": a.b/unauthorized:1: dial http://a.b/forbidden: i/o timeout',
            Patience.LONG,
            NO_IMAGE,
            "ImagePullError",
        ),
    ],
)
def test_why_a_container_waits(reason, message, patience, status, cause):
    pod = PodObservation(7, "p", "Pending", waiting_reason=reason, waiting_message=message)
    seen = diagnose_waiting(pod)
    assert (seen.patience, seen.status) == (patience, status)
    assert seen.failure.cause == (cause or reason)
    assert seen.failure.advice


def test_a_container_on_its_way_is_no_trouble():
    seen = diagnose_waiting(PodObservation(7, "p", "Pending", waiting_reason="ContainerCreating"))
    assert (seen.patience, seen.failure.cause) == (Patience.START, "ContainerNotCreated")


def test_a_pod_that_says_nothing_is_not_diagnosed():
    assert diagnose_waiting(PodObservation(7, "p", "Pending")) is None


def test_a_pod_without_a_place_has_patience_and_an_advice():
    seen = diagnose_waiting(PodObservation(7, "p", "Pending", unschedulable="0/3 nodes"))
    assert seen.patience not in {Patience.NONE, Patience.SHORT}
    assert seen.failure.advice


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("0/2 nodes are available: 2 Insufficient cpu. preemption: x", "InsufficientCpu"),
        ("1 Insufficient cpu, 1 Insufficient memory", "InsufficientCpu"),
        ("2 Insufficient memory", "InsufficientMemory"),
        ("2 Insufficient nvidia.com/gpu", "InsufficientGpu"),
        ("2 Insufficient ephemeral-storage", "InsufficientDisk"),
        ("2 Insufficient example.com/fpga", "InsufficientResource"),
        ("2 Too many pods", "TooManyPods"),
        ("1 node(s) had untolerated taint {nvidia.com/gpu: true}", "NoSuitableNode"),
        ("2 node(s) didn't match Pod's node affinity/selector", "NoSuitableNode"),
        ("2 node(s) were unschedulable", "NoSuitableNode"),
        ('persistentvolumeclaim "x" not found', "VolumeNotReady"),
        ("pod has unbound immediate PersistentVolumeClaims", "VolumeNotReady"),
        ("1 node(s) didn't find available persistent volumes to bind", "VolumeNotReady"),
        ("1 node(s) did not have enough free storage", "VolumeNotReady"),
        ('persistentvolumeclaim "x" bound to non-existent persistentvolume "y"', "VolumeNotReady"),
        ("something new", "Unschedulable"),
    ],
)
def test_what_a_pod_without_a_place_lacks(message, cause):
    seen = diagnose_waiting(PodObservation(7, "p", "Pending", unschedulable=message))
    assert (seen.patience, seen.failure.cause) == (Patience.ROOM, cause)
    assert seen.failure.site_detail == message


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("2 node(s) had volume node affinity conflict", "VolumeMachineAway"),
        ("2 node(s) didn't match PersistentVolume's node affinity", "VolumeMachineAway"),
        (
            "1 node(s) didn't match PersistentVolume's node affinity, 1 node(s) were unschedulable",
            "VolumeMachineAway",
        ),
        # The machine with the volume is the other one, which is full.
        (
            "1 Insufficient memory, 1 node(s) didn't match PersistentVolume's node affinity",
            "InsufficientMemory",
        ),
        ("1 node(s) didn't match pod affinity rules, 1 Too many pods", "TooManyPods"),
        ("2 node(s) didn't match pod affinity rules", "NoSuitableNode"),
    ],
)
def test_a_volume_of_one_machine_is_explained_to_the_site(message, cause):
    seen = diagnose_waiting(PodObservation(7, "p", "Pending", unschedulable=message))
    assert (seen.patience, seen.failure.cause) == (Patience.ROOM, cause)
    assert seen.failure.site_detail.startswith(message)
    assert "uncordon" in seen.failure.site_detail
    assert "ReadWriteOnce" not in seen.failure.detail + seen.failure.advice


NOT_HELPFUL = (
    ". no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not "
    "helpful for scheduling."
)


@pytest.mark.parametrize(
    "why",
    [
        "2 Insufficient nvidia.com/gpu",
        "1 Insufficient cpu, 1 Insufficient memory",
        (
            "1 Insufficient cpu, 1 node(s) had untolerated taint "
            "{node-role.kubernetes.io/control-plane: }"
        ),
    ],
)
def test_a_pod_larger_than_every_machine_has_its_own_patience(why):
    message = f"0/2 nodes are available: {why}{NOT_HELPFUL}"
    seen = diagnose_waiting(PodObservation(7, "p", "Pending", unschedulable=message))
    assert (seen.patience, seen.failure.cause) == (Patience.GROWTH, "RunTooLarge")
    assert seen.failure.site_detail == message


@pytest.mark.parametrize(
    "why",
    [
        "1 Insufficient cpu, 1 node(s) didn't match PersistentVolume's node affinity",
        "1 Insufficient cpu, 1 node(s) had volume node affinity conflict",
        "1 Insufficient cpu, 1 node(s) didn't match pod affinity rules",
    ],
)
def test_a_pod_larger_than_the_machine_with_its_volume_is_too_large(why):
    message = f"0/2 nodes are available: {why}{NOT_HELPFUL}"
    seen = diagnose_waiting(PodObservation(7, "p", "Pending", unschedulable=message))
    assert (seen.patience, seen.failure.cause) == (Patience.GROWTH, "RunTooLarge")
    assert seen.failure.detail.startswith("no machine that may run it is large enough for it")


@pytest.mark.parametrize(
    "message",
    [
        f"0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable{NOT_HELPFUL}",
        (
            "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint "
            f"{{node.kubernetes.io/not-ready: }}{NOT_HELPFUL}"
        ),
        f"0/3 nodes are available: 3 Insufficient cpu{NOT_HELPFUL}",
        (
            "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. no new claims to deallocate, "
            "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
        ),
    ],
)
def test_a_pod_that_may_find_a_place_later_is_not_too_large(message):
    seen = diagnose_waiting(PodObservation(7, "p", "Pending", unschedulable=message))
    assert seen.patience is Patience.ROOM
