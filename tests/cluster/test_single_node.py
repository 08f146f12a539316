"""A second node of the same name does no work while the first node works."""

from __future__ import annotations

from devstation import DummyStation
from tests.cluster.second_node import second_log, second_node


def test_a_second_node_waits_and_says_why(station: DummyStation):
    with second_node(station):
        result = station.run(station.payload())
        log = second_log(station)
    assert result["status"] == "completed"
    assert "run accepted" not in log
    assert "connected to the server" not in log
