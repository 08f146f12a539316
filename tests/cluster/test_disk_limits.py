"""Algorithms that fill the node's disk with names: the node and the other runs go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from devstation import Cluster, wait_for
from node_poc.engine import janitor
from tests.cluster.odd_images import OddImages, command
from tests.cluster.side_station import Listener, SideStation, listening, told

SETTINGS: dict[str, Any] = {
    "limits": {"output_files": 2_000, "run_seconds": 120},
    "keep_folders_seconds": 0,
}
# A file system allows only a limited number of hard links to one file.
LINKS = """
import os
for n in range(10**7):
    name = f'/app/output/{n:08d}' + 'x' * 232
    if n % 50000:
        os.link(first, name)
    else:
        open(name, 'w').close()
        first = name
"""
DEEP = """
import os
for where in ('/app/output', '/app/tmp'):
    os.chdir(where)
    for _ in range(3000):
        os.mkdir('d' * 200)
        os.chdir('d' * 200)
    os.chmod('.', 0)
"""
LIMIT = "the algorithm wrote more to disk than it may"
LESS = "Let it write less, or ask the site for a larger limit of its disk space."


@pytest.fixture(scope="module")
def listener(
    cluster: Cluster, recorder: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listener]:
    images = OddImages(cluster.settings["REGISTRY"])
    for name, code in (("v6_test_links", LINKS), ("v6_test_deep", DEEP)):
        images.derive(name, command("python3", "-u", "-c", code))
    station = SideStation(cluster, "disk", tmp_path_factory.mktemp("disk"), **SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(janitor, "_ROUND_SECONDS", 1.0)
        with listening(station) as listener:
            yield listener


def test_what_fills_the_disk_is_stopped_and_goes_and_a_neighbour_ends_as_it_should(
    listener: Listener,
):
    tasks = listener.station.tasks
    links = listener.post("links", image="localhost:5001/v6_test_links")
    deep = listener.post("deep", image="localhost:5001/v6_test_deep")
    neighbour = listener.post("neighbour")
    for run_id in (links, deep):
        result = listener.result(run_id)
        assert told(result) == ("crashed", "DiskLimitExceeded", LIMIT, LESS)
        assert result["output_truncated"] is True
    result = listener.result(neighbour)
    assert told(result) == ("completed", None, None, None)
    assert "average of Age" in result["log"]
    assert result["output"] == [{"path": "avg.txt", "size": result["output"][0]["size"]}]
    wait_for(
        lambda: (
            not list((tasks / "tmp").iterdir())
            and not any((tasks / str(run_id)).exists() for run_id in (links, deep, neighbour))
        ),
        "the folders of the runs are in the trash",
    )
    wait_for(lambda: not list((tasks / ".node/trash").iterdir()), "the trash is empty")
