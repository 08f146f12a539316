"""A second node of the same name does no work while the first node works."""

from __future__ import annotations

import copy

from devstation import DummyStation, wait_for
from tests.cluster.station import NAMESPACE


def test_a_second_node_waits_and_says_why(station: DummyStation):
    (deployment,) = [o for o in station.objects() if o["metadata"]["name"] == "v6-node"
                     and o["kind"] == "Deployment"]  # fmt: skip
    second = copy.deepcopy(deployment)
    second["metadata"]["name"] = "v6-node-second"
    labels = {"app.kubernetes.io/name": "v6-node-second"}
    second["spec"]["selector"]["matchLabels"] = labels
    second["spec"]["template"]["metadata"]["labels"] = labels
    station.cluster.apply(second)
    where = ("-n", NAMESPACE)
    try:
        wait_for(
            lambda: (
                "another node"
                in station.cluster.kubectl(*where, "logs", "deployment/v6-node-second", check=False)
            ),
            "the second node says that another one works",
        )
        result = station.run(station.payload())
        log = station.cluster.kubectl(*where, "logs", "deployment/v6-node-second")
    finally:
        station.cluster.delete(second)
    assert result["status"] == "completed"
    assert "run accepted" not in log
    assert "connected to the server" not in log
