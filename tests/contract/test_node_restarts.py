"""Server and node go away and come back at any moment: each run has one Job and one result."""

import json

import pytest

from node_poc.runs.model import Run
from tests.fakes.station import eventually, payload


@pytest.fixture
def process(station):
    """Server and node as separate processes, and an emitter: (node process, emitter)."""
    station.server.start()
    node = station.start_node_process()
    return node, station.connect()


def test_a_result_is_kept_while_the_server_is_away_and_delivered_once(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    station.server.kill()
    station.api.kubelet.ends(7, log=b"kept")
    eventually((station.task_dir / "7/result.json").exists)
    station.server.start()
    assert emitter.wait(7, 40)["log"] == "kept"
    station.job_is_marked(7)
    assert station.open_runs == []
    assert station.jobs_created(7) == 1


def test_a_server_that_flaps_loses_and_doubles_nothing(station, emitter):
    station.api.kubelet.on_pod = station.api.kubelet.ends
    for run_id in range(1, 13):
        emitter.submit(payload(run_id))
        if run_id % 4 == 0:
            station.server.kill()
            station.server.start()
    for run_id in range(1, 13):
        assert emitter.wait(run_id, 40)["status"] == "completed"
        assert station.job_is_marked(run_id)
        assert len({job["metadata"]["uid"] for job in jobs_of(station, run_id)}) == 1


def test_a_server_that_is_silent_holds_nobodys_end(station, process):
    node, emitter = process
    assert emitter.post(payload(7))["accepted"] is True
    station.server.freeze()
    assert node.terminate() == 0
    assert "node ended" in node.log


def test_killed_while_the_job_is_being_made(station, process):
    """The node's process dies between the request and the answer."""
    node, emitter = process
    station.api.faults.add("POST", "/jobs", seconds_after=30)
    emitter.submit(payload(7))
    station.job_arrives(7)
    node.kill()
    station.start_node_process()
    station.api.kubelet.ends(7, log=b"one")
    assert_ended_once(station, emitter, 7, "one")


def test_killed_when_accepted_but_no_job_is_there(station, process):
    node, emitter = process
    station.api.faults.add("POST", "/jobs", status=503, times=100)
    assert emitter.post(payload(7))["accepted"] is True
    eventually(lambda: station.api.count("POST", "/jobs"))
    node.kill()
    assert station.open_runs == [7]
    assert station.api.jobs() == []
    station.api.faults.clear()
    station.start_node_process()
    station.job_arrives(7)
    station.api.kubelet.ends(7, log=b"one")
    assert_ended_once(station, emitter, 7, "one")


def test_a_job_that_is_still_being_made_after_a_restart_is_not_missed(station, emitter):
    """A list that was requested before the Job's creation does not prove a deletion."""
    station.api.faults.add("POST", "/jobs", status=503, times=1000)
    emitter.post(payload(7))
    eventually(lambda: station.api.count("POST", "/jobs"))
    station.stop_node()
    station.api.faults.clear()
    station.api.faults.add("POST", "/jobs", seconds_before=1.5)
    before = station.api.count("POST", "/jobs")
    station.start_node()
    eventually(lambda: station.api.count("POST", "/jobs") > before)
    lists = station.api.count("GET", "/jobs$")
    station.api.store.compact()
    eventually(lambda: station.api.count("GET", "/jobs$") > lists)
    station.job_arrives(7)
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"


def test_killed_while_the_job_runs_and_ends_meanwhile(station, process):
    node, emitter = process
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.starts(7)
    eventually(lambda: "active" in station.statuses(7))
    node.kill()
    station.api.kubelet.ends(7, 3, log=b"one")
    station.start_node_process()
    result = assert_ended_once(station, emitter, 7, "one")
    assert (result["status"], result["exit_code"]) == ("crashed", 3)


def test_killed_while_the_job_runs_and_goes_on(station, process):
    node, emitter = process
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.starts(7)
    node.kill()
    station.start_node_process()
    eventually(lambda: "active" in station.statuses(7))
    station.api.kubelet.ends(7, log=b"one")
    assert_ended_once(station, emitter, 7, "one")


def test_killed_when_the_result_is_safe_but_not_delivered(station, process):
    node, emitter = process
    emitter.post(payload(7))
    station.job_arrives(7)
    station.server.kill()
    station.api.kubelet.ends(7, log=b"one")
    eventually((station.task_dir / "7/result.json").exists)
    node.kill()
    assert station.open_runs == [7]
    station.server.start()
    station.start_node_process()
    assert_ended_once(station, emitter, 7, "one")


def test_killed_when_the_result_is_delivered_but_the_job_not_marked(station, process):
    node, emitter = process
    station.api.faults.add("PATCH", "/jobs", status=503, times=1000)
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.ends(7, log=b"one")
    emitter.wait(7, 40)
    eventually(lambda: station.api.count("PATCH", "/jobs"))
    assert station.open_runs == []
    node.kill()
    station.api.faults.clear()
    station.start_node_process()
    assert_ended_once(station, emitter, 7, "one")


def test_a_run_that_outpaces_the_answer_to_its_own_creation_is_not_owed(station, emitter):
    """The Job has ended and its result is delivered before the API's answer to POST arrives."""
    station.api.kubelet.on_pod = station.api.kubelet.ends
    station.api.faults.add("POST", "/jobs", seconds_after=0.7)
    emitter.post(payload(7))
    assert emitter.wait(7, 40)["status"] == "completed"
    station.job_is_marked(7)
    eventually(lambda: json.loads((station.task_dir / "7/run.json").read_text())["job_created_at"])
    assert station.open_runs == []


def test_a_job_deleted_while_the_node_was_down_is_told(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    eventually(lambda: "initializing" in station.statuses(7))
    station.stop_node()
    station.api.kubelet.deletes_job(7)
    station.start_node()
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("failed", "JobDeleted")
    assert station.jobs_created(7) == 1


def test_a_pod_that_vanished_while_the_node_was_down_does_not_hang_its_run(station, emitter):
    """The Job has failed and its pod is gone: no watch will ever report on the pod again."""
    emitter.post(payload(7))
    station.job_arrives(7)
    eventually(lambda: "initializing" in station.statuses(7))
    station.stop_node()
    station.api.kubelet.deletes_pod(7)
    station.api.kubelet.finish_job(7, failed="BackoffLimitExceeded")
    station.start_node()
    assert emitter.wait(7, 40)["status"] == "failed"


def test_runs_of_another_node_in_the_namespace_are_left_alone(station, emitter):
    emitter.post(payload(7))
    job = station.job_arrives(7)
    labels = job["metadata"]["labels"] | {"vantage6.ai/node": "another", "vantage6.ai/run-id": "8"}
    strange = {**job, "metadata": {"name": "another-run-8", "labels": labels}}
    station.api.kubelet.makes_pods = False
    station.api.store.create("jobs", strange)
    station.stop_node()
    station.start_node()
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"
    assert "another-run-8" in {each["metadata"]["name"] for each in station.api.jobs()}
    assert not station.api.requests("", "another-run-8")


def test_sigterm_ends_the_node_soon_and_with_zero(station, process):
    node, emitter = process
    emitter.post(payload(7))
    station.job_arrives(7)
    assert node.terminate() == 0
    assert "node ended" in node.log
    assert station.api.count("DELETE") == 0
    station.start_node_process()
    station.api.kubelet.ends(7, log=b"one")
    assert_ended_once(station, emitter, 7, "one")


def test_sigterm_ends_a_node_whose_cluster_and_server_are_away(station, process):
    """The kubelet gives 15 s: a call that is being retried must not hold the process."""
    node, emitter = process
    station.api.faults.add("POST", "/jobs", status=503, times=1000)
    emitter.post(payload(7))
    eventually(lambda: station.api.count("POST", "/jobs") > 3)
    station.api.close()
    station.server.kill()
    began = len(node.log)
    assert node.terminate() == 0
    assert "node ended" in node.log[began:]


def test_sigterm_ends_a_node_whose_cluster_is_silent(station, process):
    node, emitter = process
    station.api.faults.add("POST", "/jobs", times=1000, seconds_before=60)
    emitter.post(payload(7))
    eventually(lambda: station.api.count("POST", "/jobs"))
    assert node.terminate() == 0


def jobs_of(station, run_id):
    label = {"vantage6.ai/run-id": str(run_id)}
    return station.api.store.all("jobs", label)[0]


def assert_ended_once(station, emitter, run_id, log):
    result = emitter.wait(run_id, 40)
    assert result["log"] == log
    station.job_is_marked(run_id)
    assert station.open_runs == []
    assert station.api.kubelet.containers_started.count(run_id) == 1
    assert len(jobs_of(station, run_id)) == 1
    return result


def test_killed_between_remembering_a_kill_and_removing_the_job(station, process):
    node, emitter = process
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.starts(7)
    eventually(lambda: "active" in station.statuses(7))
    station.api.faults.add("DELETE", "/jobs", status=503, times=100)
    answer = emitter.request("kill_request", {"run_ids": [7]})
    assert answer["outcomes"][0]["outcome"] == "killed"
    eventually(lambda: station.api.count("DELETE", "/jobs"))
    node.kill()
    station.api.faults.clear()
    station.start_node_process()
    eventually(lambda: not station.api.jobs())
    assert emitter.wait(7, 40)["status"] == "killed by user"


def test_a_run_whose_taking_a_crash_cut_short_may_come_back_with_another_token(station, process):
    """A vantage6 server gives each try a new token, and did not hear of the first try."""
    node, emitter = process
    station.api.faults.add("POST", "/jobs", status=503, times=100)
    assert emitter.post(payload(7, token="first"))["accepted"] is True
    node.kill()
    (station.task_dir / ".node/open/7").unlink()  # as if the crash had come before the file
    station.api.faults.clear()
    station.start_node_process()
    assert emitter.post(payload(7, token="second"))["accepted"] is True
    station.job_arrives(7)
    assert (station.task_dir / "7/token").read_text() == "second"


def test_a_node_that_lost_its_lease_sends_nothing_more(station):
    """Another node of the same name works now; the data in this node may be old."""
    station.server.start()
    node = station.start_node()
    sent = []
    node._server.send_status = sent.append
    end_of_engine = node._engine.stop

    def stop_engine(within_seconds):
        node._delivery.put_status(Run(7, "digest", 0.0))
        end_of_engine(within_seconds)

    node._engine.stop = stop_engine
    node._on_lease_lost("somebody else has it")
    node.stop()
    node._delivery._thread.join(20)
    assert not node._delivery._thread.is_alive()
    assert sent == []
    assert node.failed
