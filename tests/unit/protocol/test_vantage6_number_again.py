"""An id used again: the node takes the later run and gives it nothing of the earlier run."""

import pytest

from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.vantage6.incoming import known_runs, postponed, sync
from node_poc.protocol.vantage6.outgoing import send_queue
from node_poc.runs.status import RunStatus
from tests.fakes.station import eventually
from tests.fakes.vantage6_taking import TakingWorld, origin, result

BEFORE = "2025-12-31T23:59:59.987654"


@pytest.fixture
def world(monkeypatch):
    for module in (postponed, sync, send_queue):
        monkeypatch.setattr(module, "_BACKOFF", Backoff(0.01, 0.05))
    monkeypatch.setattr(known_runs, "_RETIRE_SECONDS", 0.05)
    made = TakingWorld()
    yield made
    made.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"created_at": BEFORE},
        {"created_at": BEFORE, "server": "http://another.example"},
        {"created_at": "2026-01-01T00:00:00.123455"},
        {"created_at": "", "task_id": "7"},
    ],
    ids=["later", "at another server", "just later", "of a deleted task"],
)
def test_a_run_is_taken_whose_number_a_delivered_one_had(world, changes):
    world.engine.origins[1] = origin(1, **changes)
    world.engine.results[1] = result(1)
    world.add(1)
    world.start()
    eventually(lambda: 1 in world.engine.taken)
    assert world.engine.retired == [1]
    assert world.patched == []


def test_a_run_that_goes_is_killed_before_another_of_its_number_is_taken(world):
    world.engine.origins[1] = origin(1, created_at=BEFORE)
    world.engine.open.add(1)
    world.add(1)
    world.add(2)
    world.start()
    eventually(lambda: 1 in world.engine.killed and 2 in world.engine.taken)
    assert 1 not in world.engine.taken
    # The first run has ended, and its result is due: the result is not for the second run.
    world.engine.results[1] = result(1, RunStatus.KILLED)
    done = []
    world.reports.report_result(result(1, RunStatus.KILLED), lambda: done.append(1))
    eventually(lambda: done)
    assert world.patched == []
    assert 1 not in world.engine.taken
    world.engine.open.discard(1)
    eventually(lambda: 1 in world.engine.taken)
    assert world.patched == []
    assert world.engine.retired == [1]


def test_a_number_comes_again_while_the_node_is_connected(world):
    """The node took the first run from this server and was sure of the run's identity."""
    world.add(1)
    world.start()
    eventually(lambda: 1 in world.engine.taken)
    first = world.engine.taken.pop(1)
    later = "2026-01-01T00:00:01.000001"
    world.add(1, created_at=later)
    world.sync.read_task_soon(101)
    eventually(lambda: world.engine.killed)
    done = []
    world.reports.report_result(result(1), lambda: done.append(1))
    eventually(lambda: done)
    assert world.patched == []
    world.engine.open.discard(1)
    eventually(lambda: 1 in world.engine.taken)
    assert dict(first.origin)["created_at"] != dict(world.engine.taken[1].origin)["created_at"]
    world.reports.report_result(result(1), lambda: done.append(2))
    eventually(lambda: 2 in done)
    assert [end["status"] for end in world.ends(1)] == ["completed"]


@pytest.mark.parametrize("at_server", ["deleted", "another"])
def test_a_result_whose_answer_was_lost_does_not_go_to_the_next_run_of_its_number(world, at_server):
    world.add(1)
    world.start()
    eventually(lambda: 1 in world.engine.taken)

    def lost(_body):
        del world.trouble["PATCH run/1"]
        world.runs.pop(1)
        if at_server == "another":
            world.add(1, created_at="2026-01-01T00:00:02.5")
        return 502, b"bad gateway"

    world.trouble["PATCH run/1"] = lost
    done = []
    world.reports.report_result(result(1), lambda: done.append(1))
    eventually(lambda: done)
    assert world.patched == []


def test_a_refused_number_comes_again_and_is_taken(world):
    world.add(1)
    world.trouble["POST token/container"] = (400, {"msg": "Task is already finished!"})
    world.start()
    eventually(lambda: world.ends(1))
    world.trouble.clear()
    world.add(1, created_at="2026-01-01T00:00:05.5")
    world.sync.read_task_soon(101)
    eventually(lambda: 1 in world.engine.taken)


def test_a_killed_run_asks_before_it_tells_its_end(world):
    """Deleting a task at the server first kills the task; the next task gets the same run ids."""
    world.add(1)
    world.start()
    eventually(lambda: 1 in world.engine.taken)
    world.sync.kill_new((1,))
    world.runs.pop(1)
    world.add(1, created_at="2026-01-01T00:00:03.5")
    done = []
    world.reports.report_result(result(1, RunStatus.KILLED), lambda: done.append(1))
    eventually(lambda: done)
    assert world.patched == []


def test_the_log_of_a_run_that_is_gone_at_the_server_is_streamed_no_more(world):
    world.engine.origins[1] = origin(1)
    world.logs.start_stream(1, 101)
    done = []
    world.reports.report_result(
        result(1), lambda: done.append(1)
    )  # the server deleted the run meanwhile
    eventually(lambda: done)
    assert world.logs._streams == {}
