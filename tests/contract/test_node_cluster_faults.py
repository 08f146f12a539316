"""The Kubernetes API fails, hangs, forgets and lies: each run still ends correctly."""

import itertools

import pytest

from node_poc.cluster import watch
from node_poc.concurrency.backoff import Backoff
from tests.fakes.kube_faults import FOR_EVER
from tests.fakes.station import eventually, payload


@pytest.mark.parametrize("status", [500, 503, 429, 504])
def test_a_passing_error_at_create_is_retried(station, emitter, status):
    station.api.faults.add("POST", "/jobs", status=status, times=2)
    emitter.post(payload(7))
    station.job_arrives(7)
    assert station.jobs_created(7) == 3
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"


def test_a_create_whose_answer_was_lost_makes_no_second_job(station, emitter):
    """The API made the Job, but the connection broke before the answer: the retry gets a 409."""
    station.api.watches_mute = True
    for kind in ("/jobs", "/pods"):
        station.api.faults.add("GET", kind, status=503, times=FOR_EVER)
    station.api.faults.add("POST", "/jobs", seconds_after=30)
    emitter.submit(payload(7))
    station.job_arrives(7)
    station.api.cut_connections()
    eventually(lambda: station.jobs_created(7) == 2)
    station.api.faults.clear()
    station.api.watches_mute = False
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"
    assert len(station.api.jobs()) == 1


@pytest.mark.parametrize(
    ("status", "reason", "message", "cause"),
    [
        (403, "Forbidden", "jobs.batch is forbidden: User cannot create resource", "Forbidden"),
        (422, "Invalid", "spec.template.spec.containers[0].resources: Invalid value", "Invalid"),
        (400, "BadRequest", "admission webhook denied the request", "NotAdmitted"),
    ],
)
def test_a_create_that_is_refused_is_a_failed_start_with_advice(
    station, emitter, status, reason, message, cause
):
    station.api.faults.add("POST", "/jobs", status=status, reason=reason, message=message)
    emitter.post(payload(7))
    result = emitter.wait(7, 40)
    assert (result["status"], result["exit_code"]) == ("start failed", None)
    assert result["cause"] == cause
    assert result["detail"]
    assert result["advice"]
    assert station.jobs_created(7) == 1
    assert emitter.post(payload(8))["accepted"] is True
    station.job_arrives(8)


def test_a_missing_proxy_service_does_not_stop_a_run(station, emitter):
    station.api.store.delete("services", "v6proxy")
    emitter.post(payload(7))
    assert "hostAliases" not in station.job_arrives(7)["spec"]["template"]["spec"]
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"


# --- watches


def test_a_watch_that_expired_is_begun_anew_from_a_list(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    lists = station.api.count("GET", "/pods$")
    station.api.store.compact()
    eventually(lambda: station.api.count("GET", "/pods$") > lists)
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"


def test_an_end_during_the_gap_is_found_by_the_new_list(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.watches_mute = True
    station.api.kubelet.ends(7)
    station.api.store.compact()
    assert emitter.wait(7, 40)["status"] == "completed"


def test_a_watch_that_ends_is_resumed_without_a_list(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.starts(7)
    eventually(lambda: "active" in station.statuses(7))
    lists, watches = station.api.count("GET", "/pods$"), station.api.count("WATCH", "/pods$")
    station.api.end_watches()
    eventually(lambda: station.api.count("WATCH", "/pods$") > watches)
    assert station.api.count("GET", "/pods$") == lists
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"


def test_connections_that_break_lose_nothing(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.cut_connections()
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"


def test_a_watch_that_falls_silent_is_given_up(station, monkeypatch):
    """Packets are dropped: no end of the watch, no error, and not even bookmarks."""
    monkeypatch.setattr(watch, "_SILENCE_SECONDS", 0.5)
    station.api.bookmark_seconds = 0.1
    emitter = station.start()
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.watches_mute = True
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"


def test_an_api_server_that_is_away_and_back_loses_nothing(station, emitter):
    for run_id in (7, 8):
        emitter.post(payload(run_id))
        station.job_arrives(run_id)
    station.api.close()
    station.api.kubelet.ends(7)
    assert emitter.post(payload(9))["accepted"] is True
    station.api.open()
    station.job_arrives(9)
    station.api.kubelet.ends(8)
    station.api.kubelet.ends(9)
    for run_id in (7, 8, 9):
        assert emitter.wait(run_id, 40)["status"] == "completed"


def test_a_long_list_is_read_page_by_page(station, emitter):
    for run_id in range(1, 8):
        emitter.post(payload(run_id))
        station.job_arrives(run_id)
    station.stop_node()
    station.api.page_limit = 3
    for run_id in range(1, 8):
        station.api.kubelet.ends(run_id)
    station.start_node()
    for run_id in range(1, 8):
        assert emitter.wait(run_id, 40)["status"] == "completed"
    assert any("continue" in asked.query for asked in station.api.requests("GET", "/pods$"))


@pytest.mark.parametrize("garbage", [b"<html>a proxy in between</html>", b"{}", b"[1]", b"\xff"])
@pytest.mark.parametrize("kind", ["/pods", "/jobs"])
def test_an_answer_that_no_api_server_gives_does_not_end_the_watching(
    station, emitter, kind, garbage
):
    emitter.post(payload(7))
    station.job_arrives(7)
    watches = station.api.count("WATCH", kind)
    station.api.faults.add("WATCH", kind, raw=garbage + b"\n")
    station.api.faults.add("GET", kind, raw=garbage)
    station.api.store.compact()
    eventually(lambda: station.api.count("WATCH", kind) > watches + 1, "another watch")
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"


def test_a_watch_that_is_cut_at_once_is_no_storm_and_no_blindness(station, emitter, monkeypatch):
    """A proxy ends every watch at its first byte: the node pauses and relies on its lists."""
    monkeypatch.setattr(watch, "_BACKOFF", Backoff(0.2, 0.4))
    station.api.faults.add("WATCH", "/pods", raw=b"", times=FOR_EVER)
    station.api.end_watches()
    before = station.api.count("WATCH", "/pods")
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"
    eventually(lambda: station.api.count("WATCH", "/pods") >= before + 3)
    times = [asked.at for asked in station.api.requests("WATCH", "/pods")[before:]]
    # Each pause is half of the least pause at least, however slow the machine is.
    assert all(later - earlier >= 0.1 for earlier, later in itertools.pairwise(times))


# --- images


def test_an_image_error_that_passes_is_no_failure(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.waits(7, "ErrImagePull", "dial tcp: i/o timeout")
    eventually(lambda: heard(station, 7, "ImagePullError"))
    station.api.kubelet.waits(7, "ImagePullBackOff", "Back-off pulling image")
    station.api.kubelet.starts(7)
    eventually(lambda: "active" in station.statuses(7))
    station.api.kubelet.ends(7)
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("completed", None)


def test_an_image_that_is_not_there_in_the_end_fails_the_run_and_removes_its_job(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    said = "failed to resolve reference: localhost:5001/x: not found"
    station.api.kubelet.waits(7, "ErrImagePull", said)
    station.api.kubelet.waits(7, "ImagePullBackOff", "Back-off pulling image")
    result = emitter.wait(7, 40)
    assert result["status"] == "non-existing Docker image"
    assert result["cause"] == "ImageNotFound"
    assert result["detail"]
    assert (result["exit_code"], result["log"]) == (None, "")
    assert result["advice"]
    eventually(lambda: station.api.jobs() == [] and station.api.pods() == [])


def test_an_image_that_never_comes_ends_at_its_time(station):
    station.settings = {"limits": {"pull_seconds": 0.5}}
    emitter = station.start()
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.waits(7, "ErrImagePull", "dial tcp: i/o timeout")
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("non-existing Docker image", "ImagePullError")
    eventually(lambda: station.api.jobs() == [])


def test_a_container_that_cannot_start_fails_the_start(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.waits(7, "CreateContainerConfigError", "image has non-numeric user")
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("start failed", "CreateContainerConfigError")


# --- lost pods and Jobs


def test_an_evicted_pod_fails_its_run(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.starts(7)
    station.api.kubelet.evicts(7, "low on resource: memory")
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("failed", "Evicted")
    assert result["advice"]


def test_a_deleted_pod_fails_its_run(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    eventually(lambda: "initializing" in station.statuses(7))
    station.api.kubelet.deletes_pod(7)
    assert emitter.wait(7, 40)["cause"] == "PodDeleted"


def test_a_job_over_its_deadline_fails_its_run(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.finish_job(7, failed="DeadlineExceeded", message="was active too long")
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("failed", "DeadlineExceeded")


def test_a_log_that_cannot_be_read_now_is_read_later(station, emitter):
    station.api.faults.add("GET", "/log", status=500, times=3)
    station.api.kubelet.on_pod = lambda run_id: station.api.kubelet.ends(run_id, log=b"there")
    emitter.post(payload(7))
    assert emitter.wait(7, 40)["log"] == "there"


def test_a_log_that_can_never_be_read_does_not_keep_the_result(station, emitter):
    station.api.faults.add("GET", "/log", status=403, times=FOR_EVER)
    station.api.kubelet.on_pod = lambda run_id: station.api.kubelet.ends(run_id, log=b"there")
    emitter.post(payload(7))
    result = emitter.wait(7, 40)
    assert (result["status"], result["log"], result["log_truncated"]) == ("completed", "", True)


def heard(station, run_id, cause):
    return any(
        event.run_id == run_id and event.data.get("cause") == cause
        for event in list(station.events)
    )
