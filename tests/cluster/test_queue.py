"""More runs than may be in flight: they wait in order, report ``Queued``, and can be killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstation import Cluster
from tests.cluster.side_station import Listener, SideStation, listening, told

AVERAGE = ("/app/input/csv/default", "Age", "/app/output/avg.txt")
# Long enough for the others to be posted and seen, and for a kill.
STAY_SECONDS = "20"


@pytest.fixture(scope="module")
def listener(
    cluster: Cluster, api_access: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listener]:
    station = SideStation(cluster, "queue", tmp_path_factory.mktemp("queue"), runs_in_flight=1)
    with listening(station) as listener:
        yield listener


def test_runs_wait_in_order_and_a_waiting_one_can_be_killed(listener: Listener):
    first = listener.post("first", *AVERAGE, STAY_SECONDS)
    second, third = (listener.post(name, *AVERAGE, "0") for name in ("second", "third"))
    for waiting in (second, third):
        shown = listener.status(waiting, "Queued")
        assert shown["status"] == "pending"
        assert shown["advice"]
    assert listener.kill(second) == ["killed"]
    assert told(listener.result(second))[:2] == ("killed by user", "KilledByUser")
    assert not listener.station.pods_of(second)

    results = [listener.result(run_id) for run_id in (first, third)]
    assert [result["status"] for result in results] == ["completed"] * 2
    ended, began = results[0]["timeline"]["ended"], results[1]["timeline"]["job_created"]
    assert ended <= began


def test_who_has_ended_or_is_unknown_is_not_killed_again(listener: Listener):
    run_id = listener.post("quick")
    assert listener.result(run_id)["status"] == "completed"
    assert listener.kill(run_id, 1) == ["already ended", "unknown"]
