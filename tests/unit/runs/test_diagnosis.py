import pytest

from node_poc.runs.diagnosis import Patience, diagnose_waiting
from node_poc.runs.ends import diagnose_failed_pod, diagnose_terminated
from node_poc.runs.observed import PodObservation, Terminated
from node_poc.runs.status import RunStatus

NO_IMAGE, START_FAILED = RunStatus.NO_DOCKER_IMAGE, RunStatus.START_FAILED


@pytest.mark.parametrize(
    ("reason", "message", "patience", "status", "cause"),
    [
        ("ErrImagePull", "x: not found", Patience.SHORT, NO_IMAGE, "ImageNotFound"),
        ("ErrImagePull", "manifest unknown", Patience.SHORT, NO_IMAGE, "ImageNotFound"),
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
        ("ImagePullBackOff", "Back-off: not found", Patience.SHORT, NO_IMAGE, "ImageNotFound"),
        ("InvalidImageName", "", Patience.NONE, NO_IMAGE, "InvalidImageName"),
        ("ErrImageNeverPull", "", Patience.NONE, NO_IMAGE, "ErrImageNeverPull"),
        ("CreateContainerError", "m", Patience.SHORT, START_FAILED, "CreateContainerError"),
        ("CreateContainerConfigError", "m", Patience.SHORT, START_FAILED, None),
        ("RunContainerError", "m", Patience.SHORT, START_FAILED, "RunContainerError"),
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
