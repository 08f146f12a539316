"""GPUs: runs share what a machine has, and a run that asks for more than any machine ends.

The machine advertises two GPUs by its status, as a device plugin does; no device is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import yaml

from devstation import Cluster, DummyStation
from tests.cluster.odd_images import OddImages, command
from tests.cluster.station import no_self_test, own_station

pytestmark = pytest.mark.dev_cluster  # a machine is changed
RESOURCE = "example.org/gpu"
GPUS, RUNS = 2, 4
PATIENCE_SECONDS = 240.0


def with_gpus(count: int) -> Any:
    def change(config: dict[str, Any]) -> None:
        no_self_test(config)
        config["algorithm_device_requests"] = {"gpu": True}
        config["kubernetes"]["resources"] = {"gpus": count, "gpu_resource": RESOURCE}
        config["kubernetes"]["limits"] = {"too_large_seconds": 2}

    return change


def advertise(cluster: Cluster, operation: str) -> None:
    machine = cluster.get("nodes")[0]["metadata"]["name"]
    key = RESOURCE.replace("/", "~1")
    value = {"value": str(GPUS)} if operation == "add" else {}
    patch = [
        {"op": operation, "path": f"/status/{part}/{key}", **value}
        for part in ("capacity", "allocatable")
    ]
    cluster.kubectl(
        *("patch", "node", machine, "--subresource=status", "--type=json"),
        *("-p", yaml.safe_dump(patch, default_flow_style=True, width=10_000)),
    )


@pytest.fixture(scope="module")
def station(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DummyStation]:
    OddImages(cluster.settings["REGISTRY"]).derive(
        "v6_test_sleeper", command("python3", "-c", "import time; time.sleep(2)")
    )
    folder = tmp_path_factory.mktemp("gpus")
    advertise(cluster, "add")
    try:
        with own_station(cluster, "gpus", 5068, folder, with_gpus(1)) as made:
            yield made
    finally:
        advertise(cluster, "remove")


def times(pod: dict[str, Any]) -> tuple[datetime, datetime]:
    (status,) = pod["status"]["containerStatuses"]
    ended = status["state"]["terminated"]
    return datetime.fromisoformat(ended["startedAt"]), datetime.fromisoformat(ended["finishedAt"])


def test_runs_take_turns_on_the_gpus_of_a_machine(station: DummyStation):
    station.reconfigure(with_gpus(1))
    image = station.cluster.image("v6_test_sleeper")
    payloads = [station.payload(image=image) for _ in range(RUNS)]
    with station.emitter() as emitter:
        for payload in payloads:
            assert emitter.post(payload)["accepted"]
        results = [emitter.wait(each["run_id"], PATIENCE_SECONDS) for each in payloads]
    assert {result["status"] for result in results} == {"completed"}
    pods = [pod for payload in payloads for pod in station.pods_of(payload["run_id"])]
    assert len(pods) == RUNS
    limits = [pod["spec"]["containers"][0]["resources"]["limits"][RESOURCE] for pod in pods]
    assert limits == ["1"] * RUNS
    spans = [times(pod) for pod in pods]
    together = [sum(start <= at < end for start, end in spans) for at, _ in spans]
    assert max(together) == GPUS


def test_a_run_that_no_machine_can_hold_ends_with_an_advice(station: DummyStation):
    station.reconfigure(with_gpus(GPUS + 1))
    result = station.run(station.payload(image=station.cluster.image("v6_test_sleeper")))
    assert (result["status"], result["cause"]) == ("start failed", "RunTooLarge")
    assert "each lacks a GPU" in result["detail"]
    assert "add a larger machine" in result["advice"]
