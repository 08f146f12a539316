"""Runs that the node cannot take yet: tried again alone, reported once."""

import json

from structlog.testing import capture_logs

from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.vantage6.incoming import new_runs, postponed, sync
from node_poc.runs.ports import Answer
from tests.fakes.station import eventually
from tests.fakes.vantage6_taking import origin
from tests.unit.protocol.vantage6.incoming.new_runs.server_trouble import DOWN, only_for, told


def test_trouble_with_one_run_stops_no_other_and_is_told_once(world):
    for run_id in (1, 2, 3):
        world.add(run_id)
    world.trouble["POST token/container"] = only_for(101, DOWN)
    with capture_logs() as lines:
        world.start()
        eventually(lambda: set(world.engine.taken) == {2, 3})
        eventually(lambda: world.asked("token/container") >= 2 + 5)
    assert len(told(lines, "run not taken yet: tried again")) == 1
    assert world.asked("run?") < 20
    world.trouble.clear()
    eventually(lambda: 1 in world.engine.taken)
    assert not world.ends(1)


def test_a_new_task_does_not_wait_for_a_run_in_trouble(world, monkeypatch):
    monkeypatch.setattr(postponed, "_BACKOFF", Backoff(100.0, 100.0))
    world.add(1)
    world.trouble["POST token/container"] = only_for(101, DOWN)
    world.start()
    eventually(lambda: world.asked("token/container"))
    world.add(2)
    world.sync.read_task_soon(102)
    eventually(lambda: 2 in world.engine.taken)
    assert world.asked("token/container") == 2


def test_a_server_that_is_back_lets_no_run_wait(world, monkeypatch):
    monkeypatch.setattr(postponed, "_BACKOFF", Backoff(100.0, 100.0))
    world.add(1)
    world.trouble["POST token/container"] = DOWN
    with capture_logs() as lines:
        world.start()
        eventually(lambda: told(lines, "run not taken yet: tried again"), "it waits")
    world.trouble.clear()
    world.sync.read_all_soon()
    eventually(lambda: 1 in world.engine.taken)


def test_trouble_with_many_runs_does_not_try_them_all_at_once(world, monkeypatch):
    monkeypatch.setattr(sync, "_BACKOFF", Backoff(100.0, 100.0))
    for run_id in range(1, 41):
        world.add(run_id)
    world.trouble["POST token/container"] = DOWN
    with capture_logs() as lines:
        world.start()
        eventually(lambda: told(lines, "open runs not read: tried again"))
    assert world.asked("token/container") <= new_runs._IN_A_ROW + new_runs._AHEAD
    world.trouble.clear()
    world.sync.read_all_soon()
    eventually(lambda: len(world.engine.taken) == 40)


def test_runs_behind_many_in_trouble_are_reached(world):
    for run_id in range(1, 21):
        world.add(run_id)
    first = range(101, 112)
    world.trouble["POST token/container"] = lambda body: (
        DOWN if json.loads(body)["task_id"] in first else None
    )
    world.start()
    eventually(lambda: set(world.engine.taken) == set(range(12, 21)))


def test_a_key_that_is_not_taken_any_more_ends_it(world):
    world.add(1)
    world.add(2)
    world.start()
    eventually(lambda: len(world.engine.taken) == 2)
    expired = (401, {"msg": "Token has expired"})
    world.trouble |= {"POST token/container": expired, "POST token/refresh": (401, {})}
    world.trouble["POST token/node"] = (401, {"msg": "not recognized"})
    world.add(3)
    world.sync.read_all_soon()
    eventually(lambda: world.refused)
    assert "api_key" in world.refused[0]


def test_a_mistake_of_this_node_in_one_run_stops_no_other(world, monkeypatch):
    prepare = world.sync._new_runs._preparer._input

    def broken(request, limit):
        if request.run_id == 1:
            raise RuntimeError("bug")
        return prepare(request, limit)

    monkeypatch.setattr(world.sync._new_runs._preparer, "_input", broken)
    world.add(1)
    world.add(2)
    with capture_logs() as lines:
        world.start()
        eventually(lambda: 2 in world.engine.taken and world.asked("token/container") > 5)
    assert len(told(lines, "run not taken yet: tried again")) == 1


def test_an_engine_that_does_not_answer_is_asked_again_and_has_the_run_once(world):
    def late():
        world.engine.open.add(1)
        world.engine.origins[1] = origin(1)
        raise TimeoutError

    world.engine.answers[1] = late
    world.add(1)
    world.add(2)
    world.start()
    eventually(lambda: 2 in world.engine.taken)
    assert not world.ends(1)


def test_a_run_that_the_engine_took_late_is_not_refused(world):
    def late():
        world.engine.open.add(1)
        return Answer(accepted=False, reason="known with another content")

    world.engine.answers[1] = late
    world.add(1)
    world.start()
    eventually(lambda: 1 in world.engine.open)
    world.add(2)
    world.sync.read_all_soon()
    eventually(lambda: 2 in world.engine.taken)
    assert not world.ends(1)


def test_a_run_that_is_killed_while_it_waits_is_not_taken(world, monkeypatch):
    monkeypatch.setattr(postponed, "_BACKOFF", Backoff(100.0, 100.0))
    world.add(1)
    world.trouble["POST token/container"] = DOWN
    world.start()
    eventually(lambda: world.sync._postponed.failures(1))
    world.trouble.clear()
    world.sync.kill_new(None)
    eventually(lambda: world.ends(1))
    assert world.ends(1)[0]["status"] == "killed by user"
    assert world.engine.taken == {}


def test_a_run_that_ended_meanwhile_is_not_tried_again(world):
    world.add(1)
    world.trouble["POST token/container"] = DOWN
    world.start()
    eventually(lambda: world.asked("token/container") >= 2)
    world.runs[1]["finished_at"] = "now"
    eventually(lambda: not world.sync._postponed.failures(1))


def test_a_run_belongs_to_the_organization_that_asked_for_it(world):
    world.add(1)
    world.start()
    eventually(lambda: 1 in world.engine.taken)
    assert world.engine.owners[1] == world.engine.origins[1]["init_org_id"]
