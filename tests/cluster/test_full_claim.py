"""A station whose claims are on a small volume: runs wait while the volume is full."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from devcluster import processes
from devcluster.layout import Layout
from devserver.ports import free_port
from devstation import Cluster, DummyServer, DummyStation, Location, own_home, wait_for
from tests.cluster.machines import FIRST
from tests.cluster.side_station import Listener
from tests.cluster.station import NAMESPACE, no_self_test
from tests.faults.injectors import machine

pytestmark = pytest.mark.dev_cluster
SIZE_MEGABYTES, FREE_MEGABYTES = 24, 8
LACKING = "the data station lacks disk space at the moment"


def on_the_first_machine(config: dict[str, Any]) -> None:
    """Keep node and runs on the machine with the small file system."""
    no_self_test(config)
    config["kubernetes"].setdefault("storage", {})["min_free"] = f"{FREE_MEGABYTES}Mi"


class SmallStation(DummyStation):
    """A station whose node stays on the first machine, which has a small file system."""

    def objects(self) -> list[dict[str, Any]]:
        """Return the usual objects; the runs follow the node, because of their claim."""
        found = super().objects()
        for each in found:
            if each["kind"] == "Deployment":
                pod = each["spec"]["template"]["spec"]
                pod["nodeSelector"] = {
                    "kubernetes.io/hostname": Layout.chosen(os.environ).node_name(FIRST)
                }
        return found


@contextmanager
def small_file_system(folder: Path) -> Iterator[Path]:
    """Mount a small file system over a folder on the first machine; yield it as seen from here."""
    layout = Layout.chosen(os.environ)
    pid = processes.init_of(layout.name, layout.node_name(FIRST))
    assert pid is not None
    options = f"size={SIZE_MEGABYTES}m,mode=0777"
    where = ["mount", "pid"]
    machine.inside(pid, where, "mount", "-t", "tmpfs", "-o", options, "tmpfs", folder)
    try:
        yield Path(f"/proc/{pid}/root{folder}")
    finally:
        machine.inside(pid, where, "umount", "--lazy", folder)


def test_runs_wait_while_the_volume_is_full(cluster: Cluster, tmp_path: Path):
    port = free_port(cluster.server_ip)
    location = Location(f"{NAMESPACE}-full", own_home("test-full"), port)
    server = DummyServer(cluster, port, tmp_path / "log")
    station = SmallStation(cluster, location, server, on_the_first_machine, in_claims=True)
    station.remove()
    station.make_folders()
    try:
        with small_file_system(station.tasks) as seen:
            server.start()
            station.deploy()
            with Listener(station) as listener:
                assert listener.result(listener.post("before"))["status"] == "completed"
                fill = seen / "fill"
                fill.write_bytes(bytes((SIZE_MEGABYTES - FREE_MEGABYTES + 2) << 20))
                wait_for(
                    lambda: "no run is started" in station.node_log(), "the node's log says so"
                )
                run_id = listener.post("full")
                told = listener.status(run_id, "InsufficientDisk")
                assert (told["status"], told["detail"]) == ("pending", LACKING)
                fill.unlink()
                assert listener.result(run_id)["status"] == "completed"
            cluster.delete_namespace(location.namespace)
    finally:
        station.remove()
