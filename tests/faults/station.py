"""The station for the faults, in its own namespace beside the other tests' station.

The node's image and configuration are the users' own, with these differences: the node starts
through ``inside/stepping_node.py``; node and proxy stay on the first cluster node, so that the
second may be lost; on request the node uses libfaketime's clock, so that the clock can be stepped.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from devcluster import cluster, images, packages, target
from devcluster.console import Console
from devcluster.image_list import Image
from devcluster.layout import Layout
from devstation import ROOT, Cluster, DummyServer, DummyStation, Location

FIRST_NODE = "node1"
#: The script that starts the node, as on its command line.
NODE_SCRIPT = "/faults/stepping_node.py"
INSIDE = Path(__file__).resolve().parent / "inside"
_FOLDER = Path(__file__).resolve().parent.relative_to(ROOT)
ALGORITHM = Image(
    "v6_fault_algorithm", str(_FOLDER / "algorithm"), str(_FOLDER / "algorithm/Dockerfile")
)
_FAKETIME = "libfaketime"
_STEPPED = {
    "LD_PRELOAD": "/faults/libfaketimeMT.so.1",
    "FAKETIME_TIMESTAMP_FILE": "/faults/clock",
    "FAKETIME_NO_CACHE": "1",
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
}
# Delivered Jobs stay for a while, so that their pods can be counted, but not for a whole matrix.
_KEEP_SECONDS = 120


class RecordingServer(DummyServer):
    """The real dummy server with its recorder."""

    def __init__(self, cluster: Cluster, port: int, log: Path, results: Path) -> None:
        super().__init__(cluster, port, log)
        self.results = results
        self.program = (str(INSIDE / "recording_server.py"), str(results))

    def signal(self, number: int) -> None:
        """Send the server a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def delivered(self) -> dict[int, list[dict[str, Any]]]:
        """Return every result that arrived, by run."""
        found: dict[int, list[dict[str, Any]]] = {}
        # The last line may be half written.
        for line in self.results.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                result = json.loads(line)
                found.setdefault(result["run_id"], []).append(result)
        return found


class FaultStation(DummyStation):
    """A station on the dev cluster, with methods for its faults."""

    def __init__(self, folder: Path) -> None:
        """Write logs and results to ``folder``. Raise UsageError without a dev cluster."""
        self.layout = Layout.chosen(os.environ)
        target.require_own(target.resolve(self.layout), "faults")
        home = Path(f"/var/lib/vantage6-node-faults{self.layout.index}")
        location = Location("v6-faults", home, 5056)
        results = folder / "results.jsonl"
        results.touch()
        cluster = Cluster()
        log = folder / "dummy_server.log"
        recorder = RecordingServer(cluster, location.port, log, results)
        super().__init__(cluster, location, recorder, _short_keeping)
        self.server: RecordingServer = recorder
        self.stepped_clock = False
        self.inside = home / "faults"
        #: task_dir as this machine sees it.
        self.tasks_seen = self.tasks

    def prepare(self, console: Console) -> None:
        """Build the algorithm's image; find or install libfaketime."""
        wanted = [] if _library() else [_FAKETIME]
        packages.check(wanted)
        with cluster.locked("packages", console):
            packages.install(wanted, console)
        with cluster.locked("images", console):
            images.build_all([ALGORITHM], target.resolve(self.layout), console)

    def folders(self) -> list[Path]:
        """Return the usual folders, and a folder for files in the node's pod."""
        return [*super().folders(), self.inside]

    def make_folders(self) -> None:
        """Make the folders, and put the files for the node's pod there."""
        super().make_folders()
        self.inside.chmod(0o777)  # the node's user removes the file `armed`
        shutil.copyfile(INSIDE / "stepping_node.py", self.inside / "stepping_node.py")
        library = _library()
        assert library is not None, "libfaketime is not installed: prepare() comes first"
        shutil.copyfile(library, self.inside / library.name)
        self.set_clock("+0")

    def set_clock(self, offset: str) -> None:
        """Step the clock of the node's process; ``+3600`` is an hour ahead of the true time."""
        fresh = self.inside / "clock.new"
        fresh.write_text(offset + "\n")
        fresh.rename(self.inside / "clock")

    def renew_node(self, *, stepped_clock: bool = False) -> None:
        """Replace the node's pod, so that Kubernetes forgets its restarts."""
        if stepped_clock != self.stepped_clock:
            self.stepped_clock = stepped_clock
            self.cluster.apply(*self.objects())
        else:
            self.kubectl("delete", "pod", "-l", "app.kubernetes.io/name=v6-node")
        self.wait_ready()

    def was_restarted(self) -> bool:
        """Return whether the node's container has restarted: Kubernetes delays its next start."""
        select = ("-l", "app.kubernetes.io/name=v6-node")
        pods = self.get("pods", *select)
        statuses = [s for pod in pods for s in pod["status"].get("containerStatuses", [])]
        return len(pods) != 1 or any(status["restartCount"] for status in statuses)

    def count_in_log(self, text: str) -> int:
        """Count a text in the node's log; return 0 while the log cannot be read."""
        log = ("logs", "deployment/v6-node", "--container=node")
        return self.kubectl(*log, check=False).count(text)

    def objects(self) -> list[dict[str, Any]]:
        """Return the users' files with the changes described above."""
        found = super().objects()
        for item in found:
            if item["kind"] == "Deployment":
                pod = item["spec"]["template"]["spec"]
                pod["nodeSelector"] = {"kubernetes.io/hostname": FIRST_NODE}
                if item["metadata"]["name"] == "v6-node":
                    self._change_node(pod)
        return found

    def _change_node(self, pod: dict[str, Any]) -> None:
        # Then the node is not process 1, which could not kill itself.
        pod["shareProcessNamespace"] = True
        (container,) = pod["containers"]
        container["command"] = ["/opt/venv/bin/python", NODE_SCRIPT]
        container["volumeMounts"].append({"name": "faults", "mountPath": "/faults"})
        pod["volumes"].append({"name": "faults", "hostPath": {"path": str(self.inside)}})
        if self.stepped_clock:
            container["env"] += [{"name": n, "value": v} for n, v in _STEPPED.items()]

    def payload(self, *arguments: str, **changed: Any) -> dict[str, Any]:
        """Return a run of the algorithm that counts its executions."""
        image = self.cluster.image(ALGORITHM.name)
        return super().payload(*arguments, **{"image": image, **changed})


def _short_keeping(config: dict[str, Any]) -> None:
    # The pods of a self-test would be in the way of the faults.
    config["kubernetes"].setdefault("walls", {})["self_test_hours"] = None
    config["kubernetes"]["keep_finished_seconds"] = _KEEP_SECONDS
    config["kubernetes"]["limits"] = {}  # as by default
    # The fault of a full disk is about results and records, not about runs that wait for room.
    config["kubernetes"].setdefault("storage", {})["min_free"] = None


def _library() -> Path | None:
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
