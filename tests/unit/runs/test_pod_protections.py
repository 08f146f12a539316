"""Words of kubelet, container runtime and API server about protections that the cluster lacks."""

import pytest

from node_poc.manifests.job import build_job
from node_poc.runs.diagnosis import Patience, diagnose_waiting
from node_poc.runs.ends import diagnose_failed_pod
from node_poc.runs.event_diagnosis import diagnose_events, diagnose_refused_job
from node_poc.runs.observed import ClusterEvent, PodObservation
from node_poc.runs.pod_protections import (
    DROPPABLE,
    diagnose_protection,
    dropped,
    unknown_to_the_server,
    with_protections,
)
from node_poc.runs.status import RunStatus
from tests.fakes.examples import config, spec

NO_CLASS = (
    'Error creating: pods "v6-run-7-" is forbidden: pod rejected: RuntimeClass "gvisor" not found'
)
NO_HANDLER = (
    "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: "
    'no runtime for "gvisor" is configured'
)


@pytest.mark.parametrize(
    ("reason", "message"), [("FailedCreate", NO_CLASS), ("FailedCreatePodSandBox", NO_HANDLER)]
)
def test_a_runtime_class_that_is_not_there_is_told_from_events(reason, message):
    seen = diagnose_events((ClusterEvent(reason, message),))
    assert seen.failure.cause == "RuntimeClassMissing"
    assert (seen.status, seen.patience) == (RunStatus.START_FAILED, Patience.SHORT)
    assert seen.failure.site_detail.startswith("kubernetes.pods.runtime_classes ")


def test_a_mount_that_cannot_be_read_only_throughout_is_told_from_the_pod():
    message = (
        'failed to resolve recursive read-only mode: volume "database-0" requested recursive '
        "read-only mode, but it is not supported by the runtime"
    )
    pod = PodObservation(
        7, "pod", "", waiting_reason="CreateContainerConfigError", waiting_message=message
    )
    assert diagnose_waiting(pod).failure.cause == "RecursiveReadOnlyMissing"


def test_other_words_are_about_something_else():
    assert diagnose_protection('pods "x" is forbidden: violates PodSecurity "restricted"') is None


@pytest.mark.parametrize(
    "message",
    [
        """can't set `spec.hostUsers: false`, RuntimeClass handler "runc-plain" does not
    support user namespaces""",
        "failed to set MOUNT_ATTR_IDMAP on /data: invalid argument",
    ],
)
def test_a_runtime_or_a_file_system_without_user_namespaces_is_told(message):
    assert diagnose_protection(message).cause == "UserNamespacesMissing"


def test_a_pod_that_the_kubelet_rejects_has_not_started():
    pod = PodObservation(
        7, "pod", "Failed", reason="SupplementalGroupsPolicyNotSupported", message="not supported"
    )
    status, failure = diagnose_failed_pod(pod)
    assert (status, failure.cause) == (RunStatus.START_FAILED, "StrictGroupsMissing")


def test_auto_becomes_on_or_off():
    pods = with_protections(config(), {"strict_groups"}).kubernetes.pods
    assert (pods.user_namespaces, pods.strict_groups) == ("off", "on")
    fixed = config(pods={"user_namespaces": "on", "strict_groups": "off"})
    assert with_protections(fixed, ()) is fixed


def test_a_dropped_field_is_noticed_and_refuses_the_run():
    job = build_job(spec(), config(pods=dict.fromkeys(DROPPABLE, "on")), None, 10001)
    assert dropped(job, job) == []
    old = build_job(spec(), config(pods=dict.fromkeys(DROPPABLE, "off")), None, 10001)
    assert dropped(job, old) == list(DROPPABLE)
    for key, cause in (
        ("user_namespaces", "UserNamespacesMissing"),
        ("strict_groups", "StrictGroupsMissing"),
        ("recursive_read_only", "RecursiveReadOnlyMissing"),
    ):
        seen = diagnose_refused_job(unknown_to_the_server([key]))
        assert (seen.failure.cause, seen.patience) == (cause, Patience.SHORT)
