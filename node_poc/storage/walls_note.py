"""The last verdict of the self-test of the walls, which counts after a restart of the node.

<task_dir>/.node/walls.json    the verdict, and the cluster in which the test was made
"""

from __future__ import annotations

from pathlib import Path

import structlog

from node_poc.runs.walls_verdict import WallsVerdict
from node_poc.storage.records import StorageError, read_json, write_json

log = structlog.get_logger(__name__)


class WallsNote:
    """Reads and writes the file above."""

    def __init__(self, task_dir: Path, cluster: str) -> None:
        """``cluster`` tells clusters apart: a disk may be moved to another cluster."""
        self._path = task_dir / ".node" / "walls.json"
        self._cluster = cluster

    def read(self) -> WallsVerdict | None:
        """Return the last verdict in this cluster; None without a usable verdict."""
        try:
            data = read_json(self._path)
            if data is None or data.get("cluster") != self._cluster:
                return None
            return WallsVerdict.from_dict(data["verdict"])
        except (StorageError, KeyError, ValueError) as error:
            log.warning("the last verdict of the self-test is not readable", error=str(error))
            return None

    def write(self, verdict: WallsVerdict) -> None:
        """Keep a verdict. A failure is logged only: the node then tests again after a restart."""
        try:
            write_json(self._path, {"cluster": self._cluster, "verdict": verdict.to_dict()})
        except StorageError as error:
            log.warning("the verdict of the self-test is not kept", error=str(error))
