"""Events with the texts of Kubernetes' source code; tests/wire also has texts of a real cluster."""

import pytest

from node_poc.runs.diagnosis import Patience
from node_poc.runs.event_diagnosis import diagnose_events
from node_poc.runs.observed import ClusterEvent

CREATE, MOUNT = "FailedCreate", "FailedMount"
PODS = 'Error creating: pods "x" is forbidden: '
HOST_PATH = (
    'MountVolume.SetUp failed for volume "{}" : hostPath type check failed: /a is not a file'
)
LATE = (
    "Unable to attach or mount volumes: unmounted volumes=[database-4], unattached volumes=[], "
    "failed to process volumes=[]: timed out waiting for the condition"
)
OLD = ClusterEvent(MOUNT, HOST_PATH.format("database-4"))


@pytest.mark.parametrize(
    ("reason", "message", "patience", "cause"),
    [
        (CREATE, PODS + "exceeded quota: q, requested: pods=1", Patience.ROOM, "QuotaExceeded"),
        (CREATE, PODS + "failed quota: q: must specify cpu", Patience.SHORT, "NotAdmitted"),
        (CREATE, PODS + 'violates PodSecurity "baseline:latest"', Patience.SHORT, "NotAdmitted"),
        (CREATE, PODS + "maximum cpu usage per Container is 1", Patience.SHORT, "NotAdmitted"),
        (
            CREATE,
            'Error creating: admission webhook "a.b" denied the request: no',
            Patience.SHORT,
            "NotAdmitted",
        ),
        (CREATE, 'Error creating: Pod "x" is invalid: spec: Required', Patience.SHORT, None),
        (
            CREATE,
            'Error creating: Internal error occurred: failed calling webhook "a.b": refused',
            Patience.START,
            "AdmissionUnavailable",
        ),
        (
            CREATE,
            PODS + "error looking up service account a/default: not found",
            Patience.START,
            "PodNotCreated",
        ),
        (CREATE, "Error creating: timeout", Patience.START, "PodNotCreated"),
        (MOUNT, HOST_PATH.format("database-4"), Patience.SHORT, "DatabaseMissing"),
        (MOUNT, HOST_PATH.format("tasks"), Patience.SHORT, "StorageMissing"),
        (MOUNT, 'secret "x" not found', Patience.START, "VolumeNotReady"),
        (MOUNT, LATE, Patience.START, "VolumeNotReady"),
        ("FailedAttachVolume", "Multi-Attach error", Patience.START, "VolumeNotReady"),
        ("FailedCreatePodSandBox", "cni: no address", Patience.START, "SandboxNotCreated"),
    ],
)
def test_what_an_event_tells(reason, message, patience, cause):
    seen = diagnose_events((ClusterEvent("Scheduled", "to node1"), ClusterEvent(reason, message)))
    assert (seen.patience, seen.failure.cause) == (patience, cause or "NotAdmitted")
    assert seen.failure.site_detail == message
    assert seen.by_events
    assert seen.is_trouble


@pytest.mark.parametrize("reason", ["SuccessfulCreate", "Pulling", "Pulled", "Created", "Started"])
def test_trouble_before_progress_is_over(reason):
    assert diagnose_events((OLD, ClusterEvent(reason, ""))) is None
    assert diagnose_events((ClusterEvent(reason, ""), OLD)) is not None


def test_what_tells_nothing_of_the_reason_does_not_hide_it():
    events = (OLD, ClusterEvent("Odd", "?"), ClusterEvent(MOUNT, LATE))
    assert diagnose_events(events).failure.cause == "DatabaseMissing"


@pytest.mark.parametrize("events", [(), (ClusterEvent("Odd", "?"),)])
def test_no_trouble(events):
    assert diagnose_events(events) is None
