"""Thousands of connections of some algorithm pods to the dummy proxy keep no other pod out."""

from __future__ import annotations

import json

import pytest

from devstation import DummyStation, wait_for
from tests.cluster.probes import script_pod

pytestmark = pytest.mark.alone  # the time of each answer counts
PODS, CONNECTIONS = 5, 600
# Opens connections, then replaces each that the proxy has closed, for as long as the pod lives.
_ATTACK = """
import socket, sys, time
address = ("{address}", 8080)
held = []
def open_one():
    try:
        held.append(socket.create_connection(address, timeout=2))
    except OSError:
        held.append(None)
for _ in range(int(sys.argv[1])):
    open_one()
print("all tried", flush=True)
while True:
    for number in range(len(held)):
        first = held.pop(0)
        if first is not None:
            first.close()
        open_one()
        time.sleep(0.002)
"""
_ASK = """
import json, time, urllib.request
took = []
for _ in range(20):
    began = time.monotonic()
    with urllib.request.urlopen("http://{address}:8080/", timeout=20) as answer:
        assert json.load(answer)["service"] == "v6proxy"
    took.append(round(time.monotonic() - began, 3))
    time.sleep(0.1)
print(json.dumps(took), flush=True)
"""


def test_a_neighbour_is_answered_within_a_second(station: DummyStation):
    address = station.kubectl("get", "service", "v6proxy", "-o", "jsonpath={.spec.clusterIP}")
    attack, ask = (script.replace("{address}", address) for script in (_ATTACK, _ASK))
    crowd = [script_pod(station, 100 + n, attack, [str(CONNECTIONS)]) for n in range(PODS)]
    neighbour = script_pod(station, 200, ask, [])
    station.cluster.apply(*crowd)
    try:
        for pod in crowd:
            name = pod["metadata"]["name"]
            wait_for(
                lambda name=name: "all tried" in station.kubectl("logs", name, check=False),
                f"pod {name} has tried all its connections",
            )
        station.cluster.apply(neighbour)
        name = neighbour["metadata"]["name"]
        phase = ("get", "pod", name, "-o", "jsonpath={.status.phase}")
        wait_for(
            lambda: station.kubectl(*phase) in {"Succeeded", "Failed"}, "the neighbour has asked"
        )
        told = station.kubectl("logs", name)
        took = json.loads(told) if told.startswith("[") else told
    finally:
        station.cluster.delete(*crowd, neighbour)
    assert len(took) == 20, took
    assert max(took) < 1, took
    log = station.kubectl("logs", "deployment/v6proxy")
    assert "too many are open" in log
