"""Algorithms that try to get out from their first instruction on: behind the gate, none does.

On the profile ``k3s`` of the dev cluster, policies come up to a second after a pod's start; the
control without a gate shows that the tries succeed there. ``GATE_RUNS`` sets the number of runs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from devcluster import profiles
from devcluster.layout import Layout
from devstation import Cluster, DummyStation
from tests.cluster.odd_images import OddImages, command
from tests.cluster.station import own_station

RUNS = int(os.environ.get("GATE_RUNS", "12"))
BURST = 10
PATIENCE_SECONDS = 240.0
#: Tries each address 40 times a second for three seconds, and counts the connections.
PROBE = """
import json, socket, sys, time
made, ends = [0] * len(sys.argv[1:]), time.monotonic() + 3
while time.monotonic() < ends:
    for number, text in enumerate(sys.argv[1:]):
        host, _, port = text.rpartition(':')
        try:
            socket.create_connection((host, int(port)), timeout=0.1).close()
            made[number] += 1
        except OSError:
            pass
    time.sleep(0.025)
print(json.dumps({'made': made}))
"""


def with_gate(gate: str, **more: Any) -> Any:
    def change(config: dict[str, Any]) -> None:
        config["kubernetes"]["walls"] = {"gate": gate, "self_test_hours": None, **more}

    return change


@pytest.fixture(scope="module")
def station(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DummyStation]:
    images = OddImages(cluster.settings["REGISTRY"])
    images.derive("v6_test_gate_probe", command("python3", "-u", "-c", PROBE))
    folder = tmp_path_factory.mktemp("gate")
    with own_station(cluster, "gate", 5059, folder, with_gate("on")) as made:
        yield made


def connections(station: DummyStation, count: int) -> list[list[int]]:
    """Post ``count`` runs at once; return for each the connections to outside, API and proxy."""
    api = station.cluster.kubectl(
        "get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}"
    )
    proxy = "v6proxy.v6proxy-subdomain.v6-jobs:8080"  # the configuration's default
    arguments = (station.cluster.outside, api, proxy)
    image = station.cluster.image("v6_test_gate_probe")
    found = []
    with station.emitter() as emitter:
        payloads = [station.payload(*arguments, image=image) for _ in range(count)]
        for payload in payloads:
            assert emitter.post(payload)["accepted"]
        for payload in payloads:
            result = emitter.wait(payload["run_id"], PATIENCE_SECONDS)
            assert (result["status"], result["cause"]) == ("completed", None)
            line = next(line for line in result["log"].splitlines() if '"made"' in line)
            found.append(json.loads(line)["made"])
    return found


def seen(station: DummyStation) -> tuple[int, list[list[int]]]:
    """Run singly and in bursts; return how many runs got out, and all connections."""
    singles = max(2, RUNS // 10)
    bursts = [min(BURST, RUNS - done) for done in range(singles, RUNS, BURST)]
    found = [made for count in [*[1] * singles, *bursts] for made in connections(station, count)]
    assert len(found) == RUNS
    return sum(1 for outside, api, _ in found if outside or api), found


@pytest.mark.timeout(600 + 10 * RUNS)
def test_behind_the_gate_no_run_gets_out_and_each_reaches_the_proxy(station: DummyStation):
    station.reconfigure(with_gate("on"))
    got_out, found = seen(station)
    assert got_out == 0, found
    assert min(proxy for *_, proxy in found) > 0


@pytest.mark.timeout(600 + 10 * RUNS)
def test_without_a_gate_the_cluster_decides(station: DummyStation):
    """The control: on k3s the same tries succeed."""
    station.reconfigure(with_gate("off"))
    profile = profiles.of(Layout.chosen(os.environ))
    got_out, found = seen(station)
    if profile.enforces_policies_at_once:
        assert got_out == 0, found
    else:
        assert got_out > 0, found  # most of them, unless the machine is busy


@pytest.mark.timeout(600)
def test_a_gate_that_stays_closed_ends_the_run(station: DummyStation):
    """Without policies the API server answers for ever, and the site has said that it may."""
    station.reconfigure(with_gate("on", required=False, gate_seconds=20))
    walls = [item for item in station.objects() if item["kind"] == "NetworkPolicy"]
    station.cluster.delete(*walls)
    try:
        with station.emitter() as emitter:
            payload = station.payload()
            assert emitter.post(payload)["accepted"]
            result = emitter.wait(payload["run_id"], PATIENCE_SECONDS)
        assert (result["status"], result["cause"]) == ("start failed", "WallsNotUp")
        assert result["exit_code"] is None
    finally:
        station.cluster.apply(*walls)
