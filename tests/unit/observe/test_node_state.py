"""The messages for people about a node pod that is not ready."""

from node_poc.observe.node_state import is_ready, tell_unready

MOUNT = {
    "type": "Warning",
    "reason": "FailedMount",
    "message": 'secret "v6-config" not found',
    "lastTimestamp": "2026-01-02T00:00:00Z",
}
OLDER = MOUNT | {"message": "old", "lastTimestamp": "2026-01-01T00:00:00Z"}


def pod(ready=False, init=None, main=None, phase="Pending"):
    status = {"phase": phase, "conditions": [{"type": "Ready", "status": str(ready)}]}
    if init:
        status["initContainerStatuses"] = [{"name": "read-column-names", "state": init}]
    if main:
        status["containerStatuses"] = [{"name": "node", "state": main}]
    return {"metadata": {"name": "v6-1"}, "status": status}


def test_a_pod_that_is_ready():
    assert is_ready(pod(ready=True))
    assert not is_ready(pod())
    assert not is_ready({"status": {}})


def test_a_mount_that_is_missing_is_told_by_the_newest_event():
    waiting = {"waiting": {"reason": "PodInitializing"}}
    told = tell_unready(pod(init=waiting, main=waiting), [MOUNT, OLDER], "v6")
    assert told == (
        'pod v6-1 is not ready (Pending; FailedMount: secret "v6-config" not found); '
        "`kubectl -n v6 describe pod v6-1` tells more"
    )


def test_the_newest_event_is_the_newest_of_both_event_apis():
    # As texts, "…:00.5Z" comes before "…:00Z"; and a series tells its last time elsewhere.
    later = {"lastTimestamp": None, "eventTime": "2026-01-02T00:00:00.500000Z"}
    told = tell_unready(pod(), [MOUNT | later | {"message": "new"}, MOUNT], "v6")
    assert "FailedMount: new" in told
    series = {"series": {"lastObservedTime": "2026-01-03T00:00:00.000000Z"}, "eventTime": None}
    repeated = MOUNT | series | {"lastTimestamp": None, "message": "again"}
    assert "FailedMount: again" in tell_unready(pod(), [repeated, MOUNT], "v6")


def test_an_image_that_does_not_come():
    told = tell_unready(pod(main={"waiting": {"reason": "ImagePullBackOff"}}), [], "v6")
    assert "(Pending; node: ImagePullBackOff)" in told


def test_an_init_container_that_failed():
    told = tell_unready(pod(init={"terminated": {"exitCode": 2}}), [], "v6")
    assert "read-column-names: exit code 2" in told


def test_a_node_that_runs_and_is_not_ready_tells_in_its_log():
    told = tell_unready(pod(main={"running": {}}, phase="Running"), [], "v6")
    assert told.endswith("`kubectl -n v6 logs v6-1` tells more")
