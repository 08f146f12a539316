"""The node sends few requests to a vantage6 server, and its reports stay in order."""

import time
from dataclasses import replace

import pytest

from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.vantage6.incoming import sync
from node_poc.protocol.vantage6.outgoing import reports, send_queue
from node_poc.runs.model import Failure, Run
from node_poc.runs.ports import Answer
from node_poc.runs.status import RunStatus
from tests.fakes.station import eventually
from tests.fakes.vantage6_taking import TakingWorld, origin, result

PENDING, INITIALIZING, ACTIVE = RunStatus.PENDING, RunStatus.INITIALIZING, RunStatus.ACTIVE


@pytest.fixture
def world(monkeypatch):
    monkeypatch.setattr(send_queue, "_BACKOFF", Backoff(0.01, 0.05))
    made = TakingWorld()
    yield made
    made.close()


@pytest.fixture
def waits(monkeypatch):
    """Return a function to set how long statuses wait for the next status, in seconds."""

    def set_to(begin, active, following):
        monkeypatch.setattr(reports, "_BEGIN_SECONDS", begin)
        monkeypatch.setattr(reports, "_ACTIVE_SECONDS", active)
        monkeypatch.setattr(reports, "_NEXT_SECONDS", following)

    return set_to


def run(status, failure=None, received_at=1000.25):
    return Run(1, "", received_at, status=status, failure=failure)


def known(world):
    world.add(1)
    world.engine.origins[1] = origin(1)
    world.reports._same_runs.trust(1, world.reports._same_runs.origin_of(1))


def statuses(world):
    return [body["status"] for _, body in world.patched]


def test_new_tasks_that_come_together_are_one_list(world, monkeypatch):
    monkeypatch.setattr(sync, "_TOGETHER_SECONDS", 100.0)
    world.start()
    eventually(lambda: world.asked("run?") == 1)
    eventually(lambda: not world.sync._all)
    first = world.asked("run?")
    world.add(1)
    world.sync.read_task_soon(101)
    eventually(lambda: 1 in world.engine.taken)
    assert world.asked("run?") == first + 1
    for run_id in range(2, 17):
        world.add(run_id)
        world.sync.read_task_soon(100 + run_id)
    world.sync._read_tasks_at = 0.0
    world.sync.read_task_soon(100 + run_id)
    eventually(lambda: len(world.engine.taken) == 16)
    assert world.asked("run?") == first + 2
    assert any("per_page=16&" in each[1] for each in world.server.asked)
    assert world.asked("token/container") == 16


def test_after_a_slow_list_tasks_are_gathered_for_as_long(world, monkeypatch):
    monkeypatch.setattr(sync, "_TOGETHER_SECONDS", 0.0)
    world.start()
    eventually(lambda: world.asked("run?") == 1 and not world.sync._all)

    def slow(_body):
        del world.trouble["GET run"]
        time.sleep(0.2)
        return 200, {"data": [world.runs[1]], "links": {}}

    world.add(1)
    world.trouble["GET run"] = slow
    began = time.monotonic()
    world.sync.read_task_soon(101)
    eventually(lambda: world.sync._read_tasks_at >= began + 0.4)
    world.add(2)
    world.sync.read_task_soon(102)
    eventually(lambda: world.engine.taken.keys() == {1, 2})


def test_what_comes_while_a_look_is_under_way_is_looked_at_after_it(world):
    world.start()
    eventually(lambda: world.asked("run?") == 1)

    def another():
        world.add(2)
        world.sync.read_task_soon(102)
        return Answer(accepted=True)

    world.engine.answers[1] = another
    world.add(1)
    world.sync.read_task_soon(101)
    eventually(lambda: set(world.engine.taken) == {1, 2})


def test_a_short_run_is_told_once(world, waits):
    waits(100.0, 100.0, 100.0)
    known(world)
    for status in (PENDING, INITIALIZING, ACTIVE):
        world.reports.report_status(run(status))
    done = []
    world.reports.report_result(result(1), lambda: done.append(1))
    eventually(lambda: done)
    assert statuses(world) == ["completed"]
    assert world.patched[0][1]["started_at"] == "1970-01-01T00:00:00.000000+00:00"


def test_a_long_run_shows_active_soon_in_one_request(world, waits):
    waits(1.5, 100.0, 100.0)
    known(world)
    for status in (PENDING, INITIALIZING, ACTIVE):
        world.reports.report_status(run(status))
    eventually(lambda: world.patched)
    assert statuses(world) == ["active"]
    assert world.patched[0][1]["started_at"] == "1970-01-01T00:16:40.250000+00:00"
    eventually(lambda: [event["status"] for event in world.emitted] == ["active"])


def test_in_a_burst_statuses_wait_longer(world, waits):
    waits(100.0, 100.0, 100.0)
    due = {}
    for run_id in range(1, 41):
        world.reports.report_status(replace(run(INITIALIZING), run_id=run_id))
        due[run_id] = world.send_queue._messages[run_id][0].due_at
    longer = [round((due[run_id] - due[1]) / 100) for run_id in (4, 8, 12, 20, 40)]
    assert longer == [0, 1, 2, 4, 4]


def test_a_run_that_starts_slowly_shows_that_it_was_taken_up(world, waits):
    waits(0.05, 0.05, 0.05)
    known(world)
    world.reports.report_status(run(INITIALIZING))
    eventually(lambda: statuses(world) == ["initializing"])
    world.reports.report_status(run(INITIALIZING))
    world.reports.report_status(run(ACTIVE))
    eventually(lambda: statuses(world) == ["initializing", "active"])
    assert {"started_at" in body for _, body in world.patched} == {True}


def test_why_a_run_waits_is_told_at_once_when_it_is_shown(world, waits):
    waits(0.05, 100.0, 100.0)
    known(world)
    world.reports.report_status(run(PENDING))
    eventually(lambda: statuses(world) == ["pending"])
    world.reports.report_status(run(INITIALIZING, Failure("x", "no room", "wait")))
    eventually(lambda: statuses(world) == ["pending", "initializing"])
    assert world.patched[1][1]["log"].startswith("[node] Reason: no room")


@pytest.mark.parametrize("how", ["ended", "deleted"])
def test_a_run_that_has_ended_at_the_server_is_killed_when_its_status_is_told(world, waits, how):
    waits(0.0, 0.0, 0.0)
    known(world)
    if how == "ended":
        world.runs[1]["finished_at"] = "now"
    else:
        world.runs.pop(1)
    world.reports.report_status(run(INITIALIZING))
    eventually(lambda: world.engine.killed == [1])


def test_a_run_that_the_server_shows_as_not_taken_up_is_told_again(world, waits):
    """The node's former process ended before it reported the status to the server."""
    waits(0.0, 0.0, 0.0)
    known(world)
    world.engine.open.add(1)
    world.start()
    eventually(lambda: statuses(world) == ["pending"])
    world.sync.read_all_soon()
    eventually(lambda: world.asked("run?") >= 2)
    eventually(lambda: not world.sync._all)
    assert statuses(world) == ["pending"]


TIMES = {
    "a server whose clock is ahead": ("2026-01-01T00:00:10.5", 1.0, 2.0),
    "this clock ahead": ("1970-01-01T00:00:00.5", 1.0, 2.25),
    "an end before its begin": (None, 5.0, 2.0),
    "an absurd time": ("yesterday", 1.0, 2.0),
}


@pytest.mark.parametrize(("assigned", "received", "ended"), TIMES.values(), ids=TIMES)
def test_no_time_is_before_the_one_before(world, assigned, received, ended):
    world.add(1)
    world.engine.origins[1] = origin(1, **({"assigned_at": assigned} if assigned else {}))
    done = []
    told = replace(result(1), received_at=received, ended_at=ended)
    world.reports.report_result(told, lambda: done.append(1))
    eventually(lambda: done)
    (end,) = world.ends(1)
    assert end["started_at"] <= end["finished_at"]
    if assigned and assigned[0].isdigit():
        assert assigned <= end["started_at"]
    if assigned == TIMES["this clock ahead"][0]:
        assert end["finished_at"] == "1970-01-01T00:00:02.250000+00:00"


# --- kills right after the creation of a task


def test_a_run_that_is_killed_while_its_list_is_read_is_not_taken(world):
    def killed_meanwhile(_body):
        world.sync.kill_new((1,))
        del world.trouble["GET run"]
        return 200, {"data": [world.runs[1], world.runs[2]], "links": {}}

    world.add(1)
    world.add(2)
    world.trouble["GET run"] = killed_meanwhile
    world.start()
    eventually(lambda: 2 in world.engine.taken and world.ends(1))
    assert world.ends(1)[0]["status"] == "killed by user"
    assert set(world.engine.taken) == {2}


def test_all_of_a_node_means_also_what_it_has_not_looked_at(world, monkeypatch):
    monkeypatch.setattr(sync, "_TOGETHER_SECONDS", 0.5)
    world.start()
    eventually(lambda: world.asked("run?") == 1)
    eventually(lambda: not world.sync._all)
    world.sync._read_tasks_at = 1e12
    world.add(1)
    world.sync.read_task_soon(101)
    world.sync.kill_new(None)
    world.sync._read_tasks_at = 0.0
    world.add(2)
    world.sync.read_task_soon(102)
    eventually(lambda: 2 in world.engine.taken and world.ends(1))
    assert world.ends(1)[0]["status"] == "killed by user"
    assert set(world.engine.taken) == {2}


def test_a_kill_of_a_former_run_does_not_end_the_next_of_its_number(world):
    world.start()
    eventually(lambda: world.asked("run?") == 1)
    eventually(lambda: world.sync._read_all_at > 0, "the first look is over")
    world.sync.kill_new((1,))
    world.add(1)
    world.sync.read_task_soon(101)
    eventually(lambda: 1 in world.engine.taken)
    assert not world.ends(1)
