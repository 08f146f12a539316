"""Ends of pods and containers, and what they mean for runs."""

import pytest

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
        (Terminated(128, reason="StartError"), RunStatus.START_FAILED, "StartError"),
        (
            Terminated(127, reason="ContainerCannotRun"),
            RunStatus.START_FAILED,
            "ContainerCannotRun",
        ),
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
