"""Runs that the node never takes: reported once, with the reason."""

import pytest
from structlog.testing import capture_logs

from node_poc.runs.ports import Answer
from node_poc.runs.status import RunStatus
from tests.fakes.station import eventually
from tests.unit.protocol.vantage6.incoming.new_runs.server_trouble import only_for, told


def test_a_run_that_is_deleted_before_it_is_taken_is_let_go_of(world):
    """Another run may have the id by now, so the node reports nothing about the deleted run."""
    gone = (400, {"msg": "Parent task does not exist!"})
    world.trouble["POST token/container"] = only_for(101, gone)
    world.trouble["GET task/101"] = (404, {"msg": "Task id=101 is not found"})
    world.add(1)
    world.add(2)
    world.start()
    eventually(lambda: 2 in world.engine.taken and world.asked("task/101"))
    eventually(lambda: world.send_queue._messages == {})
    assert 1 not in world.engine.taken
    assert not world.ends(1)


@pytest.mark.parametrize("status", [RunStatus.NOT_ALLOWED, RunStatus.FAILED])
def test_a_refusal_of_the_engine_ends_the_run_with_its_status(world, status):
    world.engine.answers[1] = Answer(accepted=False, status=status, reason="why")
    world.add(1)
    world.start()
    eventually(lambda: world.ends(1))
    assert world.ends(1)[0]["status"] == status
    assert world.ends(1)[0]["log"] == "[node] why"


@pytest.mark.parametrize(
    ("policies", "path"),
    [
        ({"allowed_organizations": ["hospital"]}, "GET organization/9"),
        ({"allowed_algorithm_stores": ["http://s"]}, "GET algorithmstore/4"),
        ({}, "POST token/container"),
    ],
)
def test_a_404_on_anything_else_ends_the_run_with_a_reason(make_world, policies, path):
    world = make_world(policies=policies)
    world.trouble[path] = (404, {"msg": "nothing here"})
    world.add(1, algorithm_store={"id": 4})
    with capture_logs() as lines:
        world.start()
        eventually(lambda: world.ends(1))
        world.sync.read_all_soon()
        eventually(lambda: world.asked("run?") >= 2)
    assert world.ends(1)[0]["status"] == "failed"
    assert "nothing here" in world.ends(1)[0]["log"]
    assert len(told(lines, "run refused")) == 1


STORE = {
    "has it": ((200, {"data": [{"id": 1, "image": "host/a:1"}]}), None),
    "empty": ((200, {"data": []}), "does not say"),
    "404": ((404, {"msg": "x"}), "does not say"),
    "401": ((401, {"msg": "x"}), "does not say"),
    "down": ((503, b""), "did not answer"),
}


@pytest.mark.parametrize("either", [False, True])
@pytest.mark.parametrize("kind", STORE)
def test_the_store_decides_by_its_answer(make_world, kind, either):
    answer, part = STORE[kind]
    rules = {"allowed_algorithm_stores": [r"^http://127\.0\.0\.1:[0-9]+"]}
    if either:
        rules |= {"allowed_algorithms": ["host/b"], "allow_either_whitelist_or_store": True}
        part = part and "neither allows"
    world = make_world(policies=rules)
    world.trouble["GET algorithmstore/4"] = (200, {"url": f"{world.server.address}/store"})
    world.trouble["GET /store/algorithm"] = answer
    world.add(1, algorithm_store={"id": 4})
    with capture_logs() as lines:
        world.start()
        eventually(lambda: world.ends(1) or 1 in world.engine.taken)
        world.sync.read_all_soon()
        eventually(lambda: world.asked("run?") >= 2)
    assert (1 in world.engine.taken) is (part is None)
    if part is not None:
        (end,) = world.ends(1)
        assert end["status"] == "not allowed"
        assert part in end["log"]
    asked = [path for _, path, _, _ in world.server.asked if path.startswith("/store")]
    assert len(asked) == (3 if kind == "down" else 1)
    assert len(told(lines, "run refused")) == (part is not None)


def test_a_listed_image_needs_no_store_that_answers(make_world):
    rules = {"allowed_algorithms": ["host/a"], "allowed_algorithm_stores": ["http://127.0.0.1:1"]}
    world = make_world(policies=rules | {"allow_either_whitelist_or_store": True})
    world.trouble["GET algorithmstore/4"] = (200, {"url": "http://127.0.0.1:1"})
    world.add(1, algorithm_store={"id": 4})
    world.start()
    eventually(lambda: 1 in world.engine.taken)
