"""Runs that the node cannot take, now or ever: handled alone, reported once, with the reason."""

import json

import pytest
from structlog.testing import capture_logs

from node_poc.concurrency.backoff import Backoff
from node_poc.crypto.keys import make_private_key
from node_poc.crypto.payload import RsaCryptor
from node_poc.protocol.vantage6.incoming import algorithm_store, new_runs, postponed, sync
from node_poc.protocol.vantage6.incoming.postponed import PostponedRuns
from node_poc.protocol.vantage6.outgoing import send_queue
from node_poc.runs.ports import Answer
from node_poc.runs.status import RunStatus
from tests.fakes.station import eventually
from tests.fakes.vantage6_taking import TakingWorld, origin, result

DOWN = (500, {"msg": "broken"})


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(postponed, "_BACKOFF", Backoff(0.05, 0.1))
    monkeypatch.setattr(sync, "_BACKOFF", Backoff(0.05, 0.1))
    monkeypatch.setattr(send_queue, "_BACKOFF", Backoff(0.01, 0.05))
    monkeypatch.setattr(algorithm_store, "_PAUSE_SECONDS", 0.01)


@pytest.fixture
def make_world():
    made = []

    def make(**options):
        made.append(TakingWorld(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def world(make_world):
    return make_world()


def only_for(task_id, answer):
    """Return a fault of the server for a single task's requests for a container token."""
    return lambda body: answer if json.loads(body)["task_id"] == task_id else None


def told(lines, event):
    return [line for line in lines if line["event"] == event and line["log_level"] != "debug"]


# --- temporary trouble


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


def test_a_reading_that_began_before_a_pause_was_ended_does_not_count_as_the_next_try(monkeypatch):
    now = iter([0.0, 10.0, 20.0])  # the failure, the end of the pause, the look for due tasks
    monkeypatch.setattr(postponed.time, "monotonic", lambda: next(now))
    runs = PostponedRuns()
    runs.postpone(7, 107)
    runs.retry_now()
    runs.forget_due(9.0)
    assert runs.due_tasks() == [107]


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


def test_pauses_grow_for_each_run_alone(monkeypatch):
    monkeypatch.setattr(postponed, "_BACKOFF", Backoff(5.0, 300.0))
    monkeypatch.setattr(postponed.time, "monotonic", lambda: 0.0)
    runs, pauses = PostponedRuns(), []
    for count in range(1, 9):
        assert runs.postpone(7, 107) == count
        pauses.append(runs._runs[7].due_at)
    assert runs.postpone(8, 108) == 1
    assert pauses[0] <= 5.0
    assert 150.0 <= pauses[-1] <= 300.0
    assert runs.is_waiting(7)
    assert runs.due_tasks() == []
    assert runs.retry_now([7, 9]) == {7}
    assert runs.due_tasks() == [107]
    runs.forget_due(0.0, [108])
    assert runs.failures(7) == 8
    runs.forget_due(0.0, [107])
    assert runs.failures(7) == 0
    assert runs.failures(8) == 1


# --- refusals


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


# --- runs that the node knows, and the server's list of runs


@pytest.mark.parametrize("known", ["going", "ended", "never"])
def test_a_listing_that_cannot_be_read_ends_only_a_run_that_is_not_known_here(world, known):
    world.add(1)
    world.runs[1]["task"]["image"] = 5
    world.add(2)
    if known != "never":
        world.engine.origins[1] = origin(1)
    if known == "going":
        world.engine.open.add(1)
    if known == "ended":
        world.engine.results[1] = result(1)
    with capture_logs() as lines:
        world.start()
        eventually(lambda: 2 in world.engine.taken)
        if known != "going":
            eventually(lambda: world.ends(1))
    assert len(told(lines, "run refused")) == (known == "never")
    wanted = {"going": [], "ended": ["completed"], "never": ["failed"]}[known]
    assert [end["status"] for end in world.ends(1)] == wanted


OTHER = {
    "of a later time": {"created_at": "2027-01-01T00:00:00.123456"},
    "of another task and no time": {"task_id": "7", "created_at": ""},
    "of another server that tells no time": {"created_at": ""},
}
SAME = {
    "of this time": {},
    "of this time in other words": {"created_at": "2026-01-01T00:00:00+00:00"},
    "of an older node": {"created_at": "", "server": ""},
}


@pytest.mark.parametrize("changes", OTHER.values(), ids=OTHER)
def test_an_old_result_does_not_go_to_another_run_of_its_number(world, changes):
    world.engine.origins[1] = origin(1, **changes)
    world.engine.results[1] = result(1)
    world.trouble["GET task/7"] = (200, {"id": 7})
    world.add(1)
    world.start()
    eventually(lambda: world.ends(1))
    (end,) = world.ends(1)
    assert end["status"] == "failed"
    assert "new task_dir" in end["log"]
    assert "result" not in end


@pytest.mark.parametrize("changes", SAME.values(), ids=SAME)
def test_a_result_that_the_server_forgot_is_told_again(world, changes):
    world.engine.origins[1] = origin(1, **changes)
    world.engine.results[1] = result(1)
    world.add(1)
    world.start()
    eventually(lambda: world.ends(1))
    assert world.ends(1)[0]["status"] == "completed"
    assert world.ends(1)[0]["result"] == "NDI="


def test_a_run_that_was_taken_here_is_not_asked_for_again_at_its_end(world):
    world.add(1)
    world.start()
    eventually(lambda: 1 in world.engine.taken)
    done = []
    world.reports.report_result(result(1), lambda: done.append(1))
    eventually(lambda: done)
    assert world.ends(1)[0]["status"] == "completed"
    assert world.asked("task/") == 0
    # after an outage of the server, the id may belong to another run
    world.add(2)
    world.sync.read_task_soon(102)
    eventually(lambda: 2 in world.engine.taken)
    world.reports.doubt()
    world.reports.report_result(result(2), lambda: done.append(2))
    eventually(lambda: 2 in done)
    assert world.asked("task/102") == 1
    assert world.ends(2)[0]["status"] == "completed"


def test_a_run_that_goes_on_here_and_is_another_at_the_server_is_killed(world):
    world.engine.origins[1] = origin(1, created_at="2027-01-01T00:00:00.5")
    world.engine.open.add(1)
    world.add(1)
    world.start()
    eventually(lambda: world.ends(1) and world.engine.killed)
    assert world.engine.killed == [1]
    assert world.ends(1)[0]["status"] == "failed"


def test_trouble_with_one_run_that_may_have_ended_stops_no_kill_of_another(world):
    world.engine.open |= {1, 2}
    world.trouble["GET run/1"] = DOWN
    with capture_logs() as lines:
        world.start()
        eventually(lambda: world.engine.killed == [2])
        for count in range(3):
            world.sync.read_all_soon()
            eventually(lambda count=count: world.asked("run?") >= count + 2)
    assert len(told(lines, "not known whether a run has ended at the server")) == 1


# --- ends of runs


@pytest.mark.parametrize("status", [401, 403, 404])
def test_without_its_organizations_key_a_result_ends_its_run_failed(make_world, status):
    world = make_world(cryptor=RsaCryptor(make_private_key()))
    world.add(1)
    world.engine.origins[1] = origin(1)
    world.trouble["GET organization/9"] = (status, {"msg": "no"})
    done = []
    world.reports.report_result(result(1), lambda: done.append(1))
    eventually(lambda: done)
    (end,) = world.ends(1)
    assert end["status"] == "failed"
    assert "public key" in end["log"]
    assert "result" not in end


@pytest.mark.parametrize("status", [RunStatus.KILLED, RunStatus.COMPLETED])
def test_of_runs_that_the_server_has_ended_only_a_kill_is_told_to_others(world, status):
    """To kill a task, the server ends the run first and notifies nobody."""
    world.add(1)
    world.runs[1]["finished_at"] = "now"
    world.engine.origins[1] = origin(1)
    done = []
    world.reports.report_result(result(1, status), lambda: done.append(1))
    eventually(lambda: done)
    statuses = [event["status"] for event in world.emitted]
    assert statuses == (["killed by user"] if status is RunStatus.KILLED else [])


def test_a_run_belongs_to_the_organization_that_asked_for_it(world):
    world.add(1)
    world.start()
    eventually(lambda: 1 in world.engine.taken)
    assert world.engine.owners[1] == world.engine.origins[1]["init_org_id"]
