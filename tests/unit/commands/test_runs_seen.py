"""Jobs and pods become rows, with the node's own reasons and statuses."""

import itertools

import pytest

from node_poc.cluster.watch import Changed, Listed
from node_poc.commands.runs_seen import JOBS, PODS, RunsSeen
from node_poc.config.model import Limits
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity
from node_poc.runs.status import RunStatus

CREATED, STARTED, ENDED = (f"2026-11-22T18:34:2{second}Z" for second in (4, 5, 7))
NAMES = Identity("v6-node")
DONE = {"type": "Complete", "status": "True", "lastTransitionTime": "2026-11-22T18:34:29Z"}
OVER = DONE | {"type": "Failed", "reason": "BackoffLimitExceeded"}
DEADLINE = OVER | {"reason": "DeadlineExceeded", "message": "too long"}


def metadata(run_id, name, created=CREATED):
    return {
        "name": name,
        "labels": NAMES.labels(run_id, "proxy"),
        "annotations": {identity.ANNOTATION_IMAGE: "registry.example/avg:1"},
        "creationTimestamp": created,
    }


def job(run_id=7, *conditions, delivered=False, created=CREATED):
    made = {"metadata": metadata(run_id, NAMES.job_name(run_id), created), "status": {}}
    made["status"]["conditions"] = list(conditions)
    if delivered:
        made["metadata"]["annotations"][identity.ANNOTATION_DELIVERED] = "true"
    return made


def pod(run_id=7, phase="Pending", state=None, created=CREATED, suffix="abcde", **status):
    container = {"name": identity.CONTAINER, "state": state or {}}
    return {
        "metadata": metadata(run_id, f"{NAMES.job_name(run_id)}-{suffix}", created),
        "spec": {"nodeName": "node1"},
        "status": {"phase": phase, "containerStatuses": [container], **status},
    }


def ended(exit_code, reason="", message=""):
    state = {"exitCode": exit_code, "reason": reason, "message": message}
    return {"terminated": state | {"startedAt": STARTED, "finishedAt": ENDED}}


def seen(jobs=(), pods=()):
    view = RunsSeen(Limits())
    view.update(JOBS, Listed(tuple(jobs), 0.0))
    view.update(PODS, Listed(tuple(pods), 0.0))
    return view


def only(jobs=(), pods=()):
    (row,) = seen(jobs, pods).rows()
    return row


def test_a_run_that_ended_well():
    row = only([job(7, DONE, delivered=True)], [pod(7, "Succeeded", ended(0))])
    assert (row.run_id, row.status, row.exit_code) == (7, RunStatus.COMPLETED, 0)
    assert row.ended_at - row.started_at == 2
    assert row.started_at - row.created_at == 1
    assert row.pod == f"{NAMES.job_name(7)}-abcde"
    assert (row.cluster_node, row.image) == ("node1", "registry.example/avg:1")
    assert row.failure is None
    assert row.delivered


def test_a_run_that_has_no_pod_yet():
    row = only([job()])
    assert row.status is RunStatus.INITIALIZING
    assert (row.pod, row.started_at, row.ended_at, row.exit_code) == ("", None, None, None)
    assert not row.delivered


def test_a_run_that_goes_on():
    row = only([job()], [pod(7, "Running", {"running": {"startedAt": STARTED}})])
    assert row.status is RunStatus.ACTIVE
    assert row.started_at - row.created_at == 1
    assert row.ended_at is None


def test_a_run_that_crashed():
    row = only([job(7, OVER)], [pod(7, "Failed", ended(3))])
    assert (row.status, row.exit_code) == (RunStatus.CRASHED, 3)
    assert row.failure.cause == "ExitCode"


def test_a_container_that_never_started_has_no_start():
    """Kubernetes reports the Unix epoch as the start of the container."""
    state = ended(128, "StartError")
    state["terminated"]["startedAt"] = "1970-01-01T00:00:00Z"
    row = only([job(7, OVER)], [pod(7, "Failed", state)])
    assert row.status is RunStatus.START_FAILED
    assert row.started_at is None


def test_a_run_that_took_too_long_keeps_what_its_pod_tells():
    row = only([job(7, DEADLINE)], [pod(7, "Failed", ended(143))])
    assert row.failure.cause == "DeadlineExceeded"
    assert row.exit_code == 143
    assert row.ended_at - row.started_at == 2


def test_a_run_that_waits_says_why():
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1: Insufficient cpu"}
    row = only([job()], [pod(conditions=[condition])])
    assert row.status is RunStatus.INITIALIZING
    assert "Insufficient" in row.failure.cause + row.failure.site_detail
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}}
    row = only([job()], [pod(state=waiting)])
    assert row.status is RunStatus.INITIALIZING
    assert row.failure.cause == "ImageNotFound"


def test_what_cannot_get_better_is_called_so():
    waiting = {"waiting": {"reason": "InvalidImageName", "message": "bad"}}
    assert only([job()], [pod(state=waiting)]).status is RunStatus.NO_DOCKER_IMAGE


def test_a_job_that_is_over_and_has_no_pod_any_more():
    done, failed = only([job(7, DONE)]), only([job(7, OVER)])
    assert (done.status, done.exit_code) == (RunStatus.COMPLETED, 0)
    assert failed.status is RunStatus.FAILED
    assert failed.ended_at - failed.created_at == 5


def test_a_pod_whose_job_is_gone():
    row = only([], [pod(7, "Running", {"running": {"startedAt": STARTED}})])
    assert row.status is RunStatus.ACTIVE
    assert row.image == "registry.example/avg:1"


def test_the_newest_pod_counts():
    old = pod(7, "Failed", ended(1), created=CREATED, suffix="zzzzz")
    new = pod(7, "Succeeded", ended(0), created=STARTED, suffix="aaaaa")
    for pods in itertools.permutations([old, new]):
        assert only([job()], pods).pod.endswith("aaaaa")


def test_newest_runs_come_first():
    jobs = [job(1), job(3), job(2, created=STARTED)]
    assert [row.run_id for row in seen(jobs).rows()] == [2, 3, 1]


def test_changes_and_lists():
    view = seen([job(1), job(2)])
    view.update(PODS, Changed(pod(1, "Succeeded", ended(0)), gone=False))
    assert {row.run_id: row.status for row in view.rows()}[1] is RunStatus.COMPLETED
    view.update(JOBS, Changed(job(2), gone=True))
    view.update(JOBS, Changed(job(2), gone=True))
    assert [row.run_id for row in view.rows()] == [1]
    view.update(JOBS, Listed((), 0.0))
    view.update(PODS, Listed((), 0.0))
    assert view.rows() == []


@pytest.mark.parametrize("labels", [None, {}, {identity.LABEL_RUN: "x"}])
def test_what_belongs_to_no_run_is_left_out(labels):
    stray = job()
    stray["metadata"]["labels"] = labels
    assert seen([stray]).rows() == []


def test_looking_twice_shows_the_same():
    view = seen([job(1), job(2, DONE)], [pod(1), pod(2, "Succeeded", ended(0))])
    assert view.rows() == view.rows()
