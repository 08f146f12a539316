"""Bombs of a hostile algorithm on memory, disk, log and signals: each ends, and nobody else does.

The fork bomb is in tests/cluster/vantage6/test_v6_sees.py; millions of names and deep trees are in
test_attacks_on_the_pod.py; scratch space is in test_failures_loss.py.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from devstation import Cluster, DummyStation, wait_for
from devstation.dummy_station import EmitterClient
from tests.cluster.evil_surroundings import IMAGE
from tests.cluster.station import no_self_test, own_station

# Another's cluster is not attacked; neighbours are measured.
pytestmark = [pytest.mark.dev_cluster, pytest.mark.alone]
PATIENCE_SECONDS = 300.0
LOG_KEPT_KILOBYTES = 512
LOG_MEGABYTES = 40
MOST_MEMORY_MIB = 200
BOMBS: dict[str, dict[str, Any]] = {
    "memory": {},
    "log": {"megabytes": LOG_MEGABYTES},
    "disk": {"folder": "/app/output", "megabytes": 200},
    "deaf": {"seconds": 600},
}
ENDS = {
    "memory": ("crashed", "OOMKilled", 128 + signal.SIGKILL),
    "log": ("completed", None, 0),
    "disk": ("crashed", "DiskLimitExceeded", 128 + signal.SIGTERM),
    "deaf": ("killed by user", "KilledByUser", 128 + signal.SIGKILL),
}


def limits(config: dict[str, Any]) -> None:
    no_self_test(config)
    config["kubernetes"]["log_kept_kilobytes"] = LOG_KEPT_KILOBYTES
    config["kubernetes"]["limits"] = {"output_size": "64Mi", "run_seconds": 200}
    config["kubernetes"]["resources"] = {"memory": "128Mi"}


@dataclass(frozen=True)
class Bombed:
    """The station with the run ids and results of all bombs, and the result of a neighbour."""

    station: DummyStation
    runs: dict[str, int]
    results: dict[str, dict[str, Any]]
    neighbour: dict[str, Any]


@pytest.fixture(scope="module")
def bombed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bombed]:
    folder = tmp_path_factory.mktemp("bombs")
    made = own_station(cluster, "bombs", 5063, folder, limits)
    with made as station, station.emitter() as emitter:
        yield explode(station, emitter)


def explode(station: DummyStation, emitter: EmitterClient) -> Bombed:
    """Start all bombs at once, and a neighbour beside them."""
    payloads = {
        name: station.payload(
            json.dumps({"bomb": name, **more}), image=station.cluster.image(IMAGE)
        )
        for name, more in BOMBS.items()
    }
    neighbour = station.payload()
    for payload in (*payloads.values(), neighbour):
        assert emitter.post(payload)["accepted"]
    runs = {name: payload["run_id"] for name, payload in payloads.items()}
    wait_for(lambda: is_deaf(station, runs["deaf"]), "the deaf algorithm ignores signals")
    emitter.request("kill_request", {"run_ids": [runs["deaf"]]})
    results = {name: emitter.wait(run_id, PATIENCE_SECONDS) for name, run_id in runs.items()}
    beside = emitter.wait(neighbour["run_id"], PATIENCE_SECONDS)
    return Bombed(station, runs, results, beside)


def is_deaf(station: DummyStation, run_id: int) -> bool:
    chosen = f"vantage6.ai/run-id={run_id}"
    return "deaf" in station.kubectl("logs", "-l", chosen, check=False)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_with_its_reason(bombed: Bombed, name: str):
    result = bombed.results[name]
    assert (result["status"], result["cause"], result["exit_code"]) == ENDS[name]


def test_of_a_long_log_a_bounded_part_is_kept_and_sent(bombed: Bombed):
    folder = bombed.station.tasks / str(bombed.runs["log"])
    kept = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert kept < 2 * LOG_KEPT_KILOBYTES * 1024
    assert len(bombed.results["log"]["log"].encode()) < 100 * 1024


def test_a_neighbour_node_and_proxy_are_unharmed(bombed: Bombed):
    assert (bombed.neighbour["status"], bombed.neighbour["cause"]) == ("completed", None)
    assert "average of Age" in bombed.neighbour["log"]
    components = ("-l", "app.kubernetes.io/component in (node, proxy)")
    pods = bombed.station.get("pods", *components)
    restarts = {
        pod["metadata"]["name"]: status["restartCount"]
        for pod in pods
        for status in pod["status"]["containerStatuses"]
    }
    assert len(restarts) == 2
    assert set(restarts.values()) == {0}
    status = bombed.station.kubectl("exec", "deployment/v6-node", "--", "cat", "/proc/1/status")
    assert int(status.partition("VmHWM:")[2].split()[0]) // 1024 < MOST_MEMORY_MIB
