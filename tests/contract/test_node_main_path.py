"""The main path: a command becomes a Job, its end becomes a result, over real sockets."""

from concurrent.futures import wait

import pytest
from emitter_client import EventKind
from kubernetes.client import V1Job

from tests.fakes.station import PROXY_ADDRESS, TOKEN, eventually, payload

LOG = b"reading\nthe average is 42\n"


def test_a_run_goes_from_command_to_result(station, emitter):
    ack = emitter.post(payload(7))
    assert (ack["accepted"], ack["state"], ack["status"]) == (True, "forwarded", "pending")
    station.job_arrives(7)
    eventually(lambda: "initializing" in station.statuses(7))
    station.api.kubelet.starts(7)
    eventually(lambda: "active" in station.statuses(7))
    (station.task_dir / "7/output/avg.txt").write_text("42.0")
    station.api.kubelet.ends(7, log=LOG)
    result = emitter.wait(7, 40)
    assert result["status"] == "completed"
    assert result["exit_code"] == 0
    assert result["log"] == LOG.decode()
    assert result["log_truncated"] is False
    assert result["output"] == [{"path": "avg.txt", "size": 4}]
    assert result["output_truncated"] is False
    assert (result["cause"], result["detail"], result["advice"]) == (None, None, None)
    line = result["timeline"]
    assert line["received"] <= line["job_created"]
    assert line["started"] <= line["ended"]
    assert station.statuses(7) == ["pending", "initializing", "active", "completed"]


def test_the_job_is_marked_only_after_the_acknowledgement(station, emitter):
    station.api.kubelet.on_pod = station.api.kubelet.ends
    emitter.post(payload(7))
    emitter.wait(7, 40)
    job = station.job_is_marked(7)
    assert job["spec"]["ttlSecondsAfterFinished"] == 3600
    assert station.api.count("DELETE") == 0
    assert station.open_runs == []


def test_a_job_whose_result_nobody_acknowledged_is_not_marked(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    station.server.kill()
    station.api.kubelet.ends(7)
    eventually((station.task_dir / "7/result.json").exists)
    assert station.open_runs == [7]
    assert station.api.count("PATCH") == 0
    assert station.api.count("DELETE") == 0


def test_the_job_is_what_the_run_asked_for(station, emitter):
    emitter.post(payload(7, task_info={"arg2": "second $(HOME)", "arg1": 'a "b"\nc'}))
    job = station.job_arrives(7)
    V1Job.model_validate(job)
    pod = job["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert container["args"] == ['a "b"\nc', "second $$(HOME)"]
    assert pod["hostAliases"] == [
        {"ip": PROXY_ADDRESS, "hostnames": ["v6proxy.v6proxy-subdomain.v6-jobs"]}
    ]
    assert TOKEN not in str(job)
    assert (station.task_dir / "7/token").read_text() == TOKEN
    assert (station.task_dir / "7/docker_input").read_text() == "input1"
    assert (station.task_dir / "tmp/example-tmp-vol").is_dir()


def test_every_call_stays_in_the_namespace_and_within_the_role(station, emitter):
    station.api.kubelet.on_pod = station.api.kubelet.ends
    emitter.post(payload(7))
    emitter.wait(7, 40)
    station.job_is_marked(7)
    lease = station.api.store.all("leases")[0][0]["metadata"]["name"]
    job = station.job_arrives(7)["metadata"]["name"]
    pod = station.api.pods()[0]["metadata"]["name"]
    must = {
        ("GET", "v6-jobs/jobs"),
        ("WATCH", "v6-jobs/jobs"),
        ("POST", "v6-jobs/jobs"),
        ("PATCH", f"v6-jobs/jobs/{job}"),
        ("GET", "v6-jobs/pods"),
        ("WATCH", "v6-jobs/pods"),
        ("GET", f"v6-jobs/pods/{pod}/log"),
        ("GET", "v6-jobs/networkpolicies"),
        ("WATCH", "v6-jobs/networkpolicies"),
        ("GET", "v6-jobs/services/v6proxy"),
        ("GET", f"v6-jobs/leases/{lease}"),
        ("POST", "v6-jobs/leases"),
    }
    # On a slow machine also: a run that starts slowly, and a Lease that must be renewed.
    may = {("GET", "v6-jobs/events"), ("PUT", f"v6-jobs/leases/{lease}")}
    eventually(lambda: must <= kinds_of(station.api.requests()))
    assert kinds_of(station.api.requests()) <= must | may


def kinds_of(requests):
    """Return methods and paths below ``namespaces``."""
    return {(asked.method, asked.path.split("/namespaces/")[1]) for asked in requests}


def test_a_pod_that_ended_before_the_first_look_is_completed(station, emitter):
    station.api.kubelet.on_pod = station.api.kubelet.ends
    emitter.post(payload(7))
    assert emitter.wait(7, 40)["status"] == "completed"
    assert "active" not in station.statuses(7)


def test_twenty_runs_at_once_are_all_delivered(station, emitter):
    run_ids = range(100, 120)
    acks = [emitter.submit(payload(run_id)) for run_id in run_ids]
    assert not wait(acks, 20).not_done
    for run_id in run_ids:
        station.job_arrives(run_id)
    for run_id in run_ids:
        station.api.kubelet.starts(run_id)
    for run_id in run_ids:
        station.api.kubelet.ends(run_id, log=b"of %d" % run_id)
    for run_id in run_ids:
        result = emitter.wait(run_id, 40)
        assert (result["status"], result["log"]) == ("completed", f"of {run_id}")
    for run_id in run_ids:
        station.job_is_marked(run_id)
        assert station.results_at_server(run_id) == 1
        assert station.jobs_created(run_id) == 1


def test_runs_that_cannot_start_delay_no_other(station, emitter):
    stuck = {
        1: lambda: station.api.kubelet.unschedulable(1, "0/1 nodes are available"),
        2: lambda: station.api.kubelet.waits(2, "ErrImagePull", "dial tcp: i/o timeout"),
        3: lambda: None,
    }
    for run_id, befall in stuck.items():
        emitter.post(payload(run_id))
        station.job_arrives(run_id)
        befall()
    station.api.kubelet.on_pod = station.api.kubelet.ends
    for run_id in range(10, 30):
        emitter.submit(payload(run_id))
    for run_id in range(10, 30):
        assert emitter.wait(run_id, 40)["status"] == "completed"
    assert station.statuses(1)[-1] == station.statuses(2)[-1] == "initializing"


def test_an_unschedulable_run_says_why_and_runs_when_there_is_room(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.unschedulable(7, "0/1 nodes are available")
    told = eventually(lambda: _last(station, lambda data: data["cause"] == "Unschedulable"))
    assert told["status"] == "initializing"
    assert told["detail"]
    assert told["advice"]
    station.api.kubelet.ends(7)
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("completed", None)


@pytest.mark.parametrize(
    ("exit_code", "details", "cause"),
    [
        (1, {}, "ExitCode"),
        (137, {"reason": "OOMKilled"}, "OOMKilled"),
        (139, {}, "Signal"),
    ],
)
def test_a_failed_algorithm_is_told_with_cause_and_advice(
    station, emitter, exit_code, details, cause
):
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.ends(7, exit_code, log=b"Traceback", **details)
    result = emitter.wait(7, 40)
    assert (result["status"], result["exit_code"]) == ("crashed", exit_code)
    assert (result["cause"], result["log"]) == (cause, "Traceback")
    assert result["advice"]
    station.job_is_marked(7)


def test_a_log_that_is_too_long_is_cut_at_its_beginning(station, emitter):
    station.api.kubelet.on_pod = lambda run_id: station.api.kubelet.ends(
        run_id, log=b"first\n" + b"x" * 200_000 + b"\xff last"
    )
    emitter.post(payload(7))
    result = emitter.wait(7, 40)
    assert result["log_truncated"] is True
    assert result["log"].endswith("\N{REPLACEMENT CHARACTER} last")
    assert len(result["log"]) == 64 * 1024


def test_a_command_posted_before_the_node_came_is_run(station):
    station.server.start()
    emitter = station.connect()
    assert emitter.post(payload(7))["state"] == "kept"
    station.api.kubelet.on_pod = station.api.kubelet.ends
    station.start_node()
    assert emitter.wait(7, 40)["status"] == "completed"


def test_an_equal_command_again_is_the_same_run(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    assert emitter.post(payload(7))["accepted"] is True
    station.api.kubelet.ends(7, log=b"once")
    assert emitter.wait(7, 40)["status"] == "completed"
    station.job_is_marked(7)
    ack = emitter.post(payload(7))
    assert (ack["accepted"], ack["status"]) == (True, "completed")
    eventually(lambda: station.results_at_server(7) == 2)
    other = station.connect()
    assert other.post(payload(7))["accepted"] is True
    assert other.wait(7, 40)["log"] == "once"
    assert station.jobs_created(7) == 1


def test_another_command_of_a_known_run_is_refused(station, emitter):
    emitter.post(payload(7))
    ack = emitter.post(payload(7, docker_input="another"))
    assert ack["state"] == "refused"
    assert ack["reason"].startswith("run_id: ")
    station.job_arrives(7)
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"
    station.job_is_marked(7)
    assert emitter.post(payload(7, token="other"))["state"] == "refused"
    assert station.jobs_created(7) == 1


def _last(station, matches):
    told = [event.data for event in list(station.events) if event.kind is EventKind.STATUS]
    return next((data for data in reversed(told) if matches(data)), None)


def test_the_longest_log_of_binary_noise_reaches_the_server(station):
    """Each byte that is no text takes six bytes in JSON: 1 MiB exceeds a message's limit."""
    station.settings = {"log_tail_kilobytes": 1024}
    emitter = station.start()
    station.api.kubelet.on_pod = lambda run_id: station.api.kubelet.ends(
        run_id, log=b"\xff" * 1_100_000 + b"\n"
    )
    emitter.post(payload(7))
    assert emitter.wait(7, 40)["status"] == "completed"
