import pytest

from node_poc.runs.diagnosis import Patience, diagnose_waiting
from node_poc.runs.ends import (
    NODE_LOST,
    diagnose_end,
    diagnose_failed_pod,
    diagnose_gone_pod,
    diagnose_terminated,
    is_lost,
    node_lost,
)
from node_poc.runs.observed import PodObservation, Terminated
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


@pytest.mark.parametrize(
    ("end", "status", "cause"),
    [
        (Terminated(0), RunStatus.COMPLETED, None),
        (Terminated(0, reason="Completed"), RunStatus.COMPLETED, None),
        (Terminated(1), RunStatus.CRASHED, "ExitCode"),
        (Terminated(255), RunStatus.CRASHED, "ExitCode"),
        (Terminated(128), RunStatus.CRASHED, "ExitCode"),
        (Terminated(137), RunStatus.CRASHED, "Signal"),
        (Terminated(139), RunStatus.CRASHED, "Signal"),
        (Terminated(1, signal=9), RunStatus.CRASHED, "Signal"),
        (Terminated(137, reason="OOMKilled"), RunStatus.CRASHED, "OOMKilled"),
        (Terminated(128, reason="StartError"), START_FAILED, "StartError"),
        (Terminated(127, reason="ContainerCannotRun"), START_FAILED, "ContainerCannotRun"),
    ],
)
def test_how_a_container_ended(end, status, cause):
    told, failure = diagnose_terminated(end)
    assert told is status
    assert (failure.cause if failure else None) == cause
    if failure:
        assert failure.advice


@pytest.mark.parametrize(("exit_code", "name"), [(137, "SIGKILL"), (139, "SIGSEGV"), (158, "30")])
def test_a_signal_is_named(exit_code, name):
    assert name in diagnose_terminated(Terminated(exit_code))[1].detail


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("Evicted", "Evicted"),
        ("NodeLost", "NodeLost"),
        ("DeadlineExceeded", "DeadlineExceeded"),
        ("Odd", "Odd"),
        ("", "PodFailed"),
    ],
)
def test_why_a_pod_failed(reason, cause):
    pod = PodObservation(7, "p", "Failed", reason=reason, message="m")
    status, failure = diagnose_failed_pod(pod)
    assert status is RunStatus.FAILED
    assert failure.cause == cause
    assert failure.advice


END = Terminated(143, ended_at=100.0)


@pytest.mark.parametrize(
    ("shown", "end", "status", "cause"),
    [
        ({}, END, RunStatus.CRASHED, "Signal"),
        ({"deleted_at": 100.0}, END, RunStatus.FAILED, "PodDeleted"),
        ({"deleted_at": 99.0}, END, RunStatus.FAILED, "PodDeleted"),
        # The kubelet deletes a pod once more just after ending the container; a person may delete
        # a pod long after the container's end.
        ({"deleted_at": 101.0}, END, RunStatus.FAILED, "PodDeleted"),
        ({"deleted_at": 110.0}, END, RunStatus.CRASHED, "Signal"),
        ({"deleted_at": 101.0}, Terminated(4, ended_at=100.0), RunStatus.CRASHED, "ExitCode"),
        ({"deleted_at": 99.0}, Terminated(0, ended_at=100.0), RunStatus.COMPLETED, None),
        (
            {"deleted_at": 99.0},
            Terminated(137, "OOMKilled", ended_at=100.0),
            RunStatus.CRASHED,
            "OOMKilled",
        ),
        ({"deleted_at": 99.0}, Terminated(137, "ContainerStatusUnknown"), None, "PodDeleted"),
        ({}, Terminated(137, "ContainerStatusUnknown"), None, "ContainerLost"),
        ({}, Terminated(255, "Unknown"), None, "ContainerLost"),
        ({"deleted_at": 90.0, "created_at": 30.0}, END, None, "DeadlineExceeded"),
        ({"deleted_at": 80.0, "created_at": 30.0}, END, None, "PodDeleted"),
        ({"disruption": "PreemptionByScheduler"}, END, None, "Preempted"),
        ({"disruption": "EvictionByEvictionAPI"}, END, None, "Evicted"),
        ({"disruption": "DeletionByTaintManager"}, END, None, "NodeLost"),
        ({"disruption": "DeletionByPodGC"}, END, None, "NodeLost"),
        ({"disruption": "SomethingNew"}, END, None, "PodFailed"),
        ({"phase": "Failed", "reason": "Evicted"}, END, None, "Evicted"),
        ({"phase": "Failed", "reason": "Preempting"}, END, None, "Preempted"),
        ({"phase": "Failed", "reason": "Terminated"}, END, None, "NodeLost"),
        ({"phase": "Failed", "reason": "Evicted"}, Terminated(0), None, "Evicted"),
        (
            {
                "phase": "Failed",
                "reason": "Evicted",
                "message": 'Usage of EmptyDir volume "scratch" exceeds the limit "20Mi". ',
            },
            END,
            RunStatus.CRASHED,
            "DiskLimitExceeded",
        ),
    ],
)
def test_who_ended_a_container(shown, end, status, cause):
    pod = PodObservation(7, "p", **{"phase": "Running", "terminated": end} | shown)
    told, failure = diagnose_end(pod, 60)
    assert (failure.cause if failure else None) == cause
    assert told is (status or RunStatus.FAILED)


@pytest.mark.parametrize("end", [Terminated(137), Terminated(1, signal=9)])
def test_what_137_likely_means_is_told_in_plain_words(end):
    _, failure = diagnose_terminated(end)
    assert failure.detail.startswith(f"ended by SIGKILL (exit code {end.exit_code}): something ")
    assert "memory limit was not the reason" in failure.detail
    assert "machine" in failure.advice
    _, failure = diagnose_terminated(Terminated(137, "OOMKilled"))
    assert failure.cause == "OOMKilled"


@pytest.mark.parametrize(
    "disruption", ["DeletionByTaintManager", "EvictionByEvictionAPI", "PreemptionByScheduler"]
)
def test_the_site_and_nobody_else_learns_the_machine(disruption):
    pod = PodObservation(7, "p", "Running", node_name="room-3", disruption=disruption)
    failure = diagnose_gone_pod(pod)
    assert failure.site_detail.endswith("(on room-3)")
    assert "room-3" not in failure.detail + failure.advice


def test_only_a_lost_machine_takes_the_rest_of_the_log_along():
    assert is_lost(NODE_LOST)
    assert is_lost(node_lost("room-3"))
    shut_down = PodObservation(7, "p", "Failed", reason="Shutdown", node_name="room-3")
    assert not is_lost(diagnose_failed_pod(shut_down)[1])
    assert not is_lost(None)
