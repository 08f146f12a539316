"""Algorithms that leave the disk full of names: the node's own pod, with its limits, goes on.

The site has set no disk limits here, so everything that the algorithms make stays for the node to
list and to remove. ATTACK_SCALE=1 makes 700,000 and 1,500,000 names; the default is a tenth.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from devstation import Cluster, DummyStation, wait_for
from devstation.dummy_station import EmitterClient
from tests.cluster.odd_images import OddImages, command
from tests.cluster.station import no_self_test, own_station

SCALE = float(os.environ.get("ATTACK_SCALE", "0.1"))
PATIENCE_SECONDS = 200.0
# A quarter of the pod's memory limit above an idle node, which takes some 80 MiB.
MOST_MEMORY_MIB = 200
NODE = ("-l", "app.kubernetes.io/name=v6-node")
# A file system allows only a limited number of hard links to one file.
_LINKS = """
import os
for n in range({count}):
    name = f'{folder}/{{n:08d}}' + 'x' * 232
    if n % 50000:
        os.link(first, name)
    else:
        open(name, 'w').close()
        first = name
"""
_DEEP = """
import os
os.chdir('{folder}')
for _ in range({count}):
    os.mkdir('{name}')
    os.chdir('{name}')
os.chmod('.', {mode})
"""
ATTACKS = {
    "links": _LINKS.format(folder="/app/output", count=int(700_000 * SCALE)),
    "names": _LINKS.format(folder="/app/tmp", count=int(1_500_000 * SCALE)),
    "nested": _DEEP.format(folder="/app/output", count=3000, name="d", mode="0o700"),
    "closed": _DEEP.format(folder="/app/tmp", count=900, name="n" * 250, mode="0"),
}


def _without_limits(config: dict[str, Any]) -> None:
    no_self_test(config)
    config["kubernetes"]["keep_folders_seconds"] = 0
    config["kubernetes"]["limits"] = {
        "output_size": None,
        "output_files": None,
        "run_seconds": 150,
    }


@pytest.fixture(scope="module")
def attacked(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DummyStation]:
    """A station whose site has set no limits, in a namespace of its own."""
    images = OddImages(cluster.settings["REGISTRY"])
    for name, code in ATTACKS.items():
        images.derive(f"v6_test_attack_{name}", command("python3", "-u", "-c", code))
    folder = tmp_path_factory.mktemp("attack")
    with own_station(cluster, "attack", 5071, folder, _without_limits) as station:
        yield station


def node_pod(station: DummyStation) -> dict[str, Any]:
    (pod,) = station.get("pods", *NODE)
    return pod


def most_memory_mib(station: DummyStation) -> int:
    """Return the largest resident size of the node's process so far."""
    lines = station.kubectl("exec", "deployment/v6-node", "--", "cat", "/proc/1/status")
    return int(lines.partition("VmHWM:")[2].split()[0]) // 1024


def attack(station: DummyStation, emitter: EmitterClient, name: str) -> int:
    payload = station.payload(image=station.cluster.image(f"v6_test_attack_{name}"))
    assert emitter.post(payload)["accepted"]
    run_id: int = payload["run_id"]
    return run_id


def assert_it_answers(station: DummyStation, emitter: EmitterClient) -> None:
    """Ask for all runs and for one, and kill one."""
    payload = station.payload("/app/input/csv/default", "Age", "/app/output/avg.txt", "300")
    run_id = payload["run_id"]
    assert emitter.post(payload)["accepted"]
    listed = emitter.request("list_request", {})["runs"]
    assert run_id in {row["run_id"] for row in listed}
    assert emitter.request("status_request", {"run_id": run_id})["run"]["run_id"] == run_id
    (outcome,) = emitter.request("kill_request", {"run_ids": [run_id]})["outcomes"]
    assert outcome["outcome"] == "killed"
    assert emitter.wait(run_id, PATIENCE_SECONDS)["status"] == "killed by user"


def is_gone(station: DummyStation, folders: list[Path]) -> bool:
    """Return whether the folders have moved to the trash, and the trash is empty."""
    trash = station.tasks / ".node" / "trash"
    return not any(folder.exists() for folder in folders) and not any(trash.iterdir())


@pytest.mark.timeout(600)
def test_the_node_answers_keeps_its_memory_and_empties_the_disk(attacked: DummyStation):
    tasks = attacked.tasks
    with attacked.emitter() as emitter, ThreadPoolExecutor(1) as beside:
        runs = {name: attack(attacked, emitter, name) for name in ATTACKS}
        neighbour = attacked.payload()
        assert emitter.post(neighbour)["accepted"]
        assert_it_answers(attacked, emitter)
        result = emitter.wait(neighbour["run_id"], PATIENCE_SECONDS)
        assert (result["status"], result["cause"]) == ("completed", None)
        assert "average of Age" in result["log"]
        results = {name: emitter.wait(run_id, PATIENCE_SECONDS) for name, run_id in runs.items()}
        assert {r["status"] for r in results.values()} == {"completed"}
        told = {name: result["output_truncated"] for name, result in results.items()}
        assert told == {"links": True, "names": False, "nested": True, "closed": False}
        assert most_memory_mib(attacked) < MOST_MEMORY_MIB
        assert node_pod(attacked)["status"]["containerStatuses"][0]["restartCount"] == 0

        # The janitor of each new process begins with a round within a second: the first round
        # removes the runs' folders, the second the shared folders that no run uses any more.
        folders = [tasks / str(run_id) for run_id in runs.values()]
        shared = [tasks / "tmp" / f"tmp-{run_id}" for run_id in runs.values()]
        for gone in (folders, shared):
            attacked.kubectl("delete", "pod", *NODE)
            attacked.wait_ready()
            answers = beside.submit(assert_it_answers, attacked, emitter)
            wait_for(
                lambda gone=gone: is_gone(attacked, gone), "the disk is empty", PATIENCE_SECONDS
            )
            answers.result(PATIENCE_SECONDS)
    assert most_memory_mib(attacked) < MOST_MEMORY_MIB
    assert node_pod(attacked)["status"]["containerStatuses"][0]["restartCount"] == 0
