"""The station that all cluster tests share: the users' YAML files at a location of the tests.

A demo on the same cluster is not disturbed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devstation import Cluster, DummyServer, DummyStation, Location, own_home
from devstation.storage import are_claims_chosen
from devstation.users_files import ChangeConfig

NAMESPACE = "v6-test"
HOME = own_home("test")
TASKS = HOME / "tasks"
PORT = 5055
LOCATION = Location(NAMESPACE, HOME, PORT)


def no_self_test(config: dict[str, Any]) -> None:
    """Switch off the self-test of the walls: its pods would be in the way of counts and times."""
    config["kubernetes"].setdefault("walls", {})["self_test_hours"] = None


def tests_limits(config: dict[str, Any]) -> None:
    """Add a database without a file, and shorten the node's limits."""
    no_self_test(config)
    late = {"label": "late", "type": "csv", "uri": f"{HOME}/csv/late.csv"}
    config["databases"].append(late)
    # A database that is missing for a while must not end a run before the test makes the file.
    config["kubernetes"]["limits"] = {"pull_seconds": 30, "hopeless_seconds": 60}


def shared_station(cluster: Cluster, log: Path) -> DummyStation:
    """Return the shared station; ``log`` is for the output of its server."""
    server = DummyServer(cluster, PORT, log)
    in_claims = are_claims_chosen(os.environ)
    return DummyStation(cluster, LOCATION, server, tests_limits, in_claims=in_claims)


@contextmanager
def own_station(
    cluster: Cluster, name: str, port: int, folder: Path, change: ChangeConfig
) -> Iterator[DummyStation]:
    """Set up a station in a namespace of its own, and remove it afterwards.

    Args:
        cluster: where the station runs.
        name: ends the names of its namespace and of its folder on the machine.
        port: of its server; no other station has the port.
        folder: for the log of its server.
        change: changes the node's configuration.
    """
    location = Location(f"{NAMESPACE}-{name}", own_home(f"test-{name}"), port)
    server = DummyServer(cluster, port, folder / "log")
    in_claims = are_claims_chosen(os.environ)
    made = DummyStation(cluster, location, server, change, in_claims=in_claims)
    try:
        made.set_up()
        yield made
    finally:
        made.remove()
