import pytest

from node_poc.cluster.observations import observe_events, observe_job, observe_pod
from node_poc.manifests.identity import Identity
from node_poc.runs.observed import ClusterEvent, JobObservation, PodObservation, Terminated

LABELS = Identity("n").labels(7, "proxy")


def pod(status=None, **more):
    return {"metadata": {"name": "p", "labels": LABELS}, "status": status, **more}


def container(**state):
    return {"containerStatuses": [{"name": "algorithm", "state": state}]}


@pytest.mark.parametrize("look", [observe_pod, observe_job])
@pytest.mark.parametrize("labels", [None, {}, {"vantage6.ai/run-id": "x"}])
def test_an_object_of_nobody_is_not_looked_at(look, labels):
    assert look({"metadata": {"name": "p", "labels": labels}}) is None


@pytest.mark.parametrize("status", [None, {}, {"containerStatuses": None, "conditions": None}])
def test_a_pod_without_a_word(status):
    assert observe_pod(pod(status)) == PodObservation(7, "p", "")


def test_a_waiting_pod():
    waiting = {"reason": "ErrImagePull", "message": "not found"}
    seen = observe_pod(pod({"phase": "Pending"} | container(waiting=waiting)))
    assert (seen.phase, seen.waiting_reason, seen.waiting_message) == (
        "Pending",
        "ErrImagePull",
        "not found",
    )


def test_a_running_pod():
    running = {"startedAt": "1970-01-01T00:00:10Z"}
    seen = observe_pod(pod(container(running=running), spec={"nodeName": "worker"}))
    assert (seen.running_since, seen.node_name) == (10.0, "worker")


def test_an_ended_pod():
    end = {
        "exitCode": 137,
        "reason": "OOMKilled",
        "startedAt": "1970-01-01T00:00:10Z",
        "finishedAt": "1970-01-01T00:00:20Z",
    }
    seen = observe_pod(pod({"phase": "Failed"} | container(terminated=end)), gone=True)
    assert seen.terminated == Terminated(137, "OOMKilled", started_at=10.0, ended_at=20.0)
    assert seen.gone is True


def gate(**state):
    waiting = {"waiting": {"reason": "PodInitializing"}}
    return {
        "phase": "Pending",
        "initContainerStatuses": [{"name": "gate", "state": state}],
        "containerStatuses": [{"name": "algorithm", "state": waiting}],
    }


@pytest.mark.parametrize(
    ("state", "waiting"),
    [
        ({"waiting": {"reason": "PodInitializing"}}, ""),
        ({"waiting": {"reason": "ErrImagePull", "message": "no"}}, "ErrImagePull: no"),
        ({"waiting": {"reason": "CreateContainerError"}}, "CreateContainerError"),
        ({"running": {"startedAt": "1970-01-01T00:00:10Z"}}, ""),
    ],
)
def test_a_gate_that_is_closed_is_no_running_algorithm(state, waiting):
    seen = observe_pod(pod(gate(**state)))
    assert (seen.gate_waiting, seen.gate_end, seen.running_since) == (waiting, None, None)
    assert seen.waiting_reason == "PodInitializing"


def test_a_gate_that_has_ended():
    seen = observe_pod(pod(gate(terminated={"exitCode": 3, "reason": "Error"})))
    assert seen.gate_end == Terminated(3, "Error")
    assert seen.terminated is None


def test_a_container_that_never_began_has_no_times():
    seen = observe_pod(pod(container(terminated={"exitCode": 128, "startedAt": None})))
    assert (seen.terminated.started_at, seen.terminated.ended_at) == (None, None)


def test_another_container_is_not_the_algorithm():
    status = {"containerStatuses": [{"name": "sidecar", "state": {"terminated": {"exitCode": 1}}}]}
    assert observe_pod(pod(status)).terminated is None


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"status": "False", "message": "no room", "reason": "Unschedulable"}, "no room"),
        ({"status": "False", "reason": "SchedulingGated"}, "SchedulingGated"),
        ({"status": "False"}, "not scheduled"),
        ({"status": "True", "message": "x"}, ""),
    ],
)
def test_a_pod_without_a_place(condition, expected):
    seen = observe_pod(
        pod({"conditions": [{"type": "Ready"}, {"type": "PodScheduled"} | condition]})
    )
    assert seen.unschedulable == expected


def job(status=None, **metadata):
    return {"metadata": {"name": "j", "labels": LABELS, **metadata}, "spec": {}, "status": status}


def test_a_new_job():
    seen = observe_job(job(creationTimestamp="1970-01-01T00:00:10Z"))
    assert seen == JobObservation(7, created_at=10.0, suspended=False)


def test_a_suspended_job():
    assert observe_job(job() | {"spec": {"suspend": True}}).suspended


@pytest.mark.parametrize(("status", "reason"), [("True", "DeadlineExceeded"), ("False", "")])
def test_a_failed_job(status, reason):
    failed = {"type": "Failed", "status": status, "reason": "DeadlineExceeded", "message": "m"}
    assert observe_job(job({"conditions": [{"type": "Other"}, failed]})).failed_reason == reason


def test_a_delivered_job():
    assert observe_job(job(annotations={"vantage6.ai/result-delivered": "true"})).delivered
    assert not observe_job(job(annotations=None)).delivered


def test_a_pod_that_is_being_deleted_tells_when_that_was_asked_for():
    deleted = {"deletionTimestamp": "1970-01-01T00:00:30Z", "deletionGracePeriodSeconds": 10}
    seen = observe_pod({"metadata": {"name": "p", "labels": LABELS, **deleted}})
    assert seen.deleted_at == 20.0
    assert observe_pod(pod()).deleted_at is None


def test_a_job_over_its_deadline_is_known_before_its_pod_has_ended():
    target = {"type": "FailureTarget", "status": "True", "message": "m"}
    over = observe_job(job({"conditions": [target | {"reason": "DeadlineExceeded"}]}))
    assert (over.failed_reason, over.failed_message) == ("DeadlineExceeded", "m")
    lost = observe_job(job({"conditions": [target | {"reason": "BackoffLimitExceeded"}]}))
    assert lost.failed_reason == ""


def test_a_job_that_waits_for_its_pods_to_go_is_gone():
    assert observe_job(job(deletionTimestamp="1970-01-01T00:00:10Z")).gone


def test_events_come_in_the_order_they_were_told_last():
    def event(reason, **times):
        return {"metadata": {}, "reason": reason, "message": "m", **times}

    events = [
        event("b", lastTimestamp="1970-01-01T00:00:20Z"),
        event("d", series={"lastObservedTime": "1970-01-01T00:00:40.5Z"}, lastTimestamp=None),
        event("c", eventTime="1970-01-01T00:00:30.123456Z"),
        event("a"),
    ]
    seen = observe_events(events)
    assert [told.reason for told in seen] == ["a", "b", "c", "d"]
    assert seen[0] == ClusterEvent("a", "m")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1764292000", 1764292000.0), (None, None), ("", None), ("soon", None), ("-1", None)],
)
def test_when_a_job_was_delivered(text, seconds):
    marks = {"vantage6.ai/result-delivered": "true", "vantage6.ai/result-delivered-at": text}
    found = observe_job(job(annotations={key: value for key, value in marks.items() if value}))
    assert found.delivered
    assert found.delivered_at == seconds
