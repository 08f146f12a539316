"""A second node of the same name, which does no work while the first node works."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from devstation import DummyStation, wait_for


@contextmanager
def second_node(station: DummyStation) -> Iterator[None]:
    """Start a second node; go on when the node says that another one works."""
    (deployment,) = [o for o in station.objects() if o["metadata"]["name"] == "v6-node"
                     and o["kind"] == "Deployment"]  # fmt: skip
    second = copy.deepcopy(deployment)
    second["metadata"]["name"] = "v6-node-second"
    labels = {"app.kubernetes.io/name": "v6-node-second"}
    second["spec"]["selector"]["matchLabels"] = labels
    second["spec"]["template"]["metadata"]["labels"] = labels
    station.cluster.apply(second)
    try:
        wait_for(
            lambda: "another node" in second_log(station, check=False),
            "the second node says that another one works",
        )
        yield
    finally:
        station.cluster.delete(second)


def second_log(station: DummyStation, *, check: bool = True) -> str:
    """Return the second node's log."""
    return station.kubectl("logs", "deployment/v6-node-second", check=check)
