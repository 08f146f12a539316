"""Measure how much longer a run takes beside each bomb of the hostile algorithm.

The command alternates between a run alone and a run beside the bomb, and compares the medians of
the times from the posting of the run to its result. Needs the cluster and the images
``v6_evil_algorithm`` and those of ``make images``; the machine should do nothing else.

    python -m tests.evil_neighbour [--rounds 3] [BOMB ...]    prints a line for each bomb
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from devstation import Cluster, DummyServer, DummyStation, Location, own_home, wait_for
from devstation.dummy_station import EmitterClient
from tests.cluster.evil_surroundings import IMAGE
from tests.cluster.station import no_self_test

PORT = 5069
PATIENCE_SECONDS = 300.0
ROUNDS = 3
BOMBS: dict[str, dict[str, Any]] = {
    "processor": {"seconds": 600},
    "memory": {},
    "log": {"megabytes": 20_000},
    "disk": {"folder": "/app/output", "megabytes": 4_000},
    "deaf": {"seconds": 600},
}


def limits(config: dict[str, Any]) -> None:
    """Set limits that the bombs reach late: a bomb must go on while its neighbour is measured."""
    no_self_test(config)
    config["kubernetes"]["limits"] = {"run_seconds": 600}
    config["kubernetes"]["resources"] = {"memory": "1Gi"}


def seconds_of_a_run(station: DummyStation, emitter: EmitterClient) -> float:
    """Return the time from the posting of a run to its result."""
    payload = station.payload()
    began = time.monotonic()
    if not emitter.post(payload)["accepted"]:
        raise SystemExit("the node refused the neighbour")
    result = emitter.wait(payload["run_id"], PATIENCE_SECONDS)
    if result["status"] != "completed":
        raise SystemExit(f"the neighbour ended as {result['status']}")
    return time.monotonic() - began


@contextmanager
def bomb(station: DummyStation, emitter: EmitterClient, name: str) -> Iterator[None]:
    """Let a bomb go on."""
    plan = json.dumps({"bomb": name, **BOMBS[name]})
    payload = station.payload(plan, image=station.cluster.image(IMAGE))
    emitter.post(payload)
    wait_for(lambda: has_started(station, payload["run_id"]), f"the bomb {name} has started")
    time.sleep(1)  # the bomb has its full effect a moment later
    yield
    emitter.request("kill_request", {"run_ids": [payload["run_id"]]})
    emitter.wait(payload["run_id"], PATIENCE_SECONDS)


def has_started(station: DummyStation, run_id: int) -> bool:
    """Return whether the container of a run runs, or has ended."""
    statuses = [pod["status"].get("containerStatuses", []) for pod in station.pods_of(run_id)]
    return any("waiting" not in each["state"] for found in statuses for each in found)


def measure(
    station: DummyStation, names: list[str], rounds: int, tell: Callable[[str], object]
) -> None:
    """Print for each bomb the medians alone and beside the bomb, and their ratio."""
    with station.emitter() as emitter:
        seconds_of_a_run(station, emitter)  # the first run pulls the image
        for name in names:
            alone, beside = [], []
            for _ in range(rounds):
                alone.append(seconds_of_a_run(station, emitter))
                with bomb(station, emitter, name):
                    beside.append(seconds_of_a_run(station, emitter))
            ratio = median(beside) / median(alone)
            tell(
                f"{name:10} alone {median(alone):5.1f} s, beside the bomb {median(beside):5.1f} s, "
                f"ratio {ratio:.2f}\n"
            )


def main() -> None:
    """Make a station of its own, measure, and remove the station."""
    parser = argparse.ArgumentParser(prog="python -m tests.evil_neighbour", description=__doc__)
    parser.add_argument("bombs", nargs="*", metavar="BOMB", default=list(BOMBS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    if unknown := set(given.bombs) - BOMBS.keys():
        parser.error(f"no such bomb: {', '.join(sorted(unknown))}; there are {', '.join(BOMBS)}")
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster()
        location = Location("v6-evil-neighbour", own_home("evil-neighbour"), PORT)
        server = DummyServer(cluster, PORT, Path(folder) / "server.log")
        station = DummyStation(cluster, location, server, limits)
        try:
            station.set_up()
            measure(station, given.bombs, given.rounds, sys.stdout.write)
        finally:
            station.remove()


if __name__ == "__main__":
    main()
