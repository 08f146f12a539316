"""ContainerManager's verbs on a whole node: real engine and sockets, a fake cluster."""

import pytest

from node_poc import __version__
from node_poc.runs.docker_terms import KilledRun, Result, ToBeKilled
from node_poc.runs.model import Mount, MountSource, RunFile
from node_poc.runs.ports import QueryError
from node_poc.runs.status import RunStatus
from node_poc.storage.records import StorageError
from tests.fakes.examples import spec
from tests.fakes.station import eventually

OURS = (("task_id", "70"), ("parent_id", "60"), ("organization_id", "1"))


@pytest.fixture
def manager(station):
    station.server.start()
    return station.start_node()._manager


def ask(manager, run_id=7, **changes):
    return manager.run(spec(run_id, **{"origin": OURS} | changes))


def test_run_answers_when_the_run_is_safe(station, manager):
    assert ask(manager).accepted is True
    assert (station.task_dir / "7/run.json").exists()
    station.job_arrives(7)


def test_run_refuses_what_is_not_allowed(manager):
    nowhere = Mount(MountSource.DATABASE, "nowhere", "/app/input/csv/nowhere")
    answer = ask(manager, mounts=(nowhere,))
    assert answer.accepted is False
    assert "nowhere" in answer.reason


def test_is_running_from_the_containers_start_to_its_end(station, manager):
    assert manager.is_running(7) is False
    ask(manager)
    station.job_arrives(7)
    assert manager.is_running(7) is False
    station.api.kubelet.starts(7)
    eventually(lambda: manager.is_running(7))
    station.api.kubelet.ends(7)
    eventually(lambda: not manager.is_running(7))


def test_get_result_hands_out_what_the_run_left_as_often_as_asked(station, manager):
    ask(manager, files=(RunFile.of("answer", b"", writable=True),), result_file="answer")
    assert manager.get_result(7) is None
    station.job_arrives(7)
    (station.task_dir / "7/answer").write_bytes(b"\x00the answer")
    station.api.kubelet.ends(7, log=b"said\n")
    eventually(lambda: manager.get_result(7))
    expected = Result(7, 70, "said\n", b"\x00the answer", RunStatus.COMPLETED, 60)
    assert manager.get_result(7) == expected
    assert manager.get_result(7) == expected
    assert b"the answer" not in repr(expected).encode()


def test_get_result_without_a_result_file_has_no_data(station, manager):
    station.api.kubelet.on_pod = station.api.kubelet.ends
    ask(manager, origin=())
    eventually(lambda: manager.get_result(7))
    assert manager.get_result(7) == Result(7, None, "", b"", RunStatus.COMPLETED, None)


def test_get_result_of_an_unknown_run_says_so(manager):
    with pytest.raises(QueryError, match="knows no run 7"):
        manager.get_result(7)


def test_runs_are_listed_with_status_and_log(station, manager):
    for run_id in (7, 8):
        ask(manager, run_id)
        station.job_arrives(run_id)
    station.api.kubelet.ends(7, log=b"said\n")
    eventually(lambda: manager.get_result(7))
    assert [each.run.run_id for each in manager.list_runs()] == [8, 7]
    assert manager.status(7).run.status is RunStatus.COMPLETED
    assert manager.read_log(7, 0).data == b"said\n"


# --- kill_tasks


def test_a_kill_list_kills_what_is_ours_and_nothing_else(station, manager):
    for run_id in (7, 8, 9):
        ask(manager, run_id)
        station.job_arrives(run_id)
    listed = [ToBeKilled(7, 70, 1), ToBeKilled(8, 70, 2), ToBeKilled(99, 70, 1)]
    assert manager.kill_tasks(1, listed) == [KilledRun(7, 70, 60)]
    eventually(lambda: manager.get_result(7))
    assert manager.get_result(7).status is RunStatus.KILLED
    assert manager.get_result(8) is None
    assert manager.get_result(9) is None


def test_a_second_kill_of_an_ended_run_kills_nothing(station, manager):
    ask(manager)
    station.job_arrives(7)
    station.api.kubelet.ends(7)
    eventually(lambda: manager.get_result(7))
    assert manager.kill_tasks(1, [ToBeKilled(7, 70, 1)]) == []
    assert manager.get_result(7).status is RunStatus.COMPLETED


def test_without_a_list_everything_is_killed(station, manager):
    for run_id in (7, 8):
        ask(manager, run_id)
        station.job_arrives(run_id)
    assert {run.run_id for run in manager.kill_tasks(1)} == {7, 8}
    for run_id in (7, 8):
        eventually(lambda run_id=run_id: manager.get_result(run_id))
        assert manager.get_result(run_id).status is RunStatus.KILLED
    assert manager.cleanup_tasks() == []


def test_an_empty_list_kills_nobody(station, manager):
    ask(manager)
    station.job_arrives(7)
    assert manager.kill_tasks(1, []) == []
    station.api.kubelet.ends(7)
    eventually(lambda: manager.get_result(7))
    assert manager.get_result(7).status is RunStatus.COMPLETED


# --- other verbs


def test_create_volume_makes_a_folder_once_and_takes_no_path(station, manager):
    manager.create_volume("job-1")
    manager.create_volume("job-1")
    assert (station.task_dir / "tmp/job-1").is_dir()
    for bad in ("../elsewhere", "", "..", "a/b"):
        with pytest.raises(StorageError, match="name"):
            manager.create_volume(bad)


def test_column_names_are_those_of_a_csv_file(station, manager):
    station.database.write_text("Age,Height\n1,2\n")
    assert manager.get_column_names("default", "csv") == ["Age", "Height"]
    assert manager.get_column_names("default", "parquet") == []
    assert manager.get_column_names("nowhere", "csv") == []


def test_images_are_allowed_by_the_policies(manager):
    assert manager.is_docker_image_allowed("localhost:5001/anything") is True
    assert manager.version == __version__


def test_login_to_registries_names_the_secret_that_each_job_refers_to(station):
    station.settings = {"docker_config_file": "/srv/v6/docker/config.json"}
    station.server.start()
    manager = station.start_node()._manager
    ask(manager)
    pod = station.job_arrives(7)["spec"]["template"]["spec"]
    assert [each["name"] for each in pod["imagePullSecrets"]] == manager.login_to_registries()
    assert not station.api.requests("", "secrets")
