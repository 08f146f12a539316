"""A slow disk delays only the calls that must write; writes keep their order."""

import threading

import pytest

from node_poc.runs.status import RunStatus
from node_poc.storage.records import Records, StorageError
from tests.fakes.examples import spec
from tests.fakes.station import eventually, payload


@pytest.fixture
def disk(monkeypatch):
    """While the event is clear, no run is written. Writes are counted by run."""
    free, write = threading.Event(), Records.write_run
    free.set()
    free.written = []

    def wait(records, record):
        assert free.wait(20)
        free.written.append(record.spec.run_id)
        write(records, record)

    monkeypatch.setattr(Records, "write_run", wait)
    return free


@pytest.fixture
def manager(station):
    station.server.start()
    return station.start_node()._manager


def asks(manager, run_id, **changes):
    """Ask for a run in a thread; return the list that will get the answer."""
    answers = []
    ask = lambda: answers.append(manager.run(spec(run_id, **changes)))  # noqa: E731
    threading.Thread(target=ask, daemon=True).start()
    return answers


def test_a_run_that_is_being_written_delays_no_other(station, disk, emitter):
    emitter.post(payload(6))
    station.job_arrives(6)
    disk.clear()
    emitter.submit(payload(7))
    station.api.kubelet.ends(6)
    assert emitter.wait(6, 40)["status"] == "completed"
    assert [run["run_id"] for run in emitter.request("list_request", {})["runs"]] == [6]
    disk.set()
    station.job_arrives(7)


def test_runs_are_taken_in_the_order_they_came(station, disk, manager):
    station.api.kubelet.makes_pods = False
    disk.clear()
    answers = []
    for number, run_id in enumerate((9, 7, 8), 1):
        answers.append(asks(manager, run_id))
        eventually(lambda wanted=number: len(manager_waits(station)) == wanted)
    disk.set()
    eventually(lambda: all(answers))
    assert disk.written == [9, 7, 8]
    assert [run.run_id for run in station._nodes[-1]._engine._book] == [9, 7, 8]


def manager_waits(station):
    """Return the runs that are being taken."""
    return station._nodes[-1]._engine._intake._at_disk


def test_a_run_that_is_asked_for_again_while_it_is_written_is_written_once(station, disk, manager):
    disk.clear()
    first = asks(manager, 7)
    eventually(lambda: manager_waits(station))
    again, other = asks(manager, 7), asks(manager, 7, image="localhost:5001/another")
    eventually(lambda: len(manager_waits(station)[7]) == 2)
    disk.set()
    eventually(lambda: first and again and other)
    assert (first[0].accepted, again[0].accepted, other[0].accepted) == (True, True, False)
    assert disk.written == [7]


@pytest.mark.parametrize("run_ids", [(7,), None])
def test_a_run_that_is_killed_while_it_is_written_is_killed(station, disk, manager, run_ids):
    disk.clear()
    asks(manager, 7)
    eventually(lambda: manager_waits(station))
    outcomes = []
    kill = lambda: outcomes.append(manager.kill(run_ids))  # noqa: E731
    threading.Thread(target=kill, daemon=True).start()
    disk.set()
    eventually(lambda: outcomes)
    assert [(each.run_id, each.outcome) for each in outcomes[0]] == [(7, "killed")]
    eventually(lambda: manager.read_result(7) is not None)
    assert manager.read_result(7).status is RunStatus.KILLED


def test_a_kill_finds_the_second_try_of_a_run_that_the_disk_did_not_take(
    station, disk, manager, monkeypatch
):
    """Both tries came before the kill, and the disk refused the first try."""
    write, tries = Records.write_run, []

    def full_at_first(records, record):
        tries.append(record)
        write(records, record)
        if len(tries) == 1:
            raise StorageError("no space left on device")

    monkeypatch.setattr(Records, "write_run", full_at_first)
    disk.clear()
    first = asks(manager, 7)
    eventually(lambda: manager_waits(station))
    second = asks(manager, 7)
    eventually(lambda: manager_waits(station)[7])
    outcomes = []
    kill = lambda: outcomes.append(manager.kill(None))  # noqa: E731
    threading.Thread(target=kill, daemon=True).start()
    eventually(lambda: station._nodes[-1]._engine._pools.disk._calls)
    disk.set()
    eventually(lambda: first and second and outcomes)
    assert (first[0].accepted, second[0].accepted) == (False, True)
    assert [(each.run_id, each.outcome) for each in outcomes[0]] == [(7, "killed")]


def test_what_was_to_be_written_when_the_node_ends_is_written(station, manager, monkeypatch):
    written, write = [], Records.update_run
    monkeypatch.setattr(
        Records, "update_run", lambda records, it: (write(records, it), written.append(it))
    )
    engine = station._nodes[-1]._engine
    asks(manager, 7)
    station.job_arrives(7)
    eventually(lambda: engine._book.knows_job(7), "the node knows the Job, and notes the Job soon")
    station.stop_node()
    assert engine._book.record(7) == written[-1]
