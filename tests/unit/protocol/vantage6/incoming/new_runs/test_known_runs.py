"""Runs that the node knows already, compared with the server's list of runs."""

import pytest
from structlog.testing import capture_logs

from tests.fakes.station import eventually
from tests.fakes.vantage6_taking import origin, result
from tests.unit.protocol.vantage6.incoming.new_runs.server_trouble import DOWN, told


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
