"""The ends of runs as the server and other clients hear of them."""

import pytest

from node_poc.crypto.keys import make_private_key
from node_poc.crypto.payload import RsaCryptor
from node_poc.runs.status import RunStatus
from tests.fakes.station import eventually
from tests.fakes.vantage6_taking import origin, result


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
