"""The protections that the cluster has, as the last test found: they count after a restart.

<task_dir>/.node/protections.json    by the key, why a protection is not used; empty if it is used
"""

from __future__ import annotations

from pathlib import Path

import structlog

from node_poc.storage.records import StorageError, read_json, write_json

log = structlog.get_logger(__name__)


class ProtectionsNote:
    """Reads and writes the file above."""

    def __init__(self, task_dir: Path, place: str) -> None:
        """``place`` tells clusters and storage apart, on which the result depends."""
        self._path = task_dir / ".node" / "protections.json"
        self._place = place

    def read(self) -> tuple[dict[str, str], float] | None:
        """Return the result and the time of the test, in seconds since the epoch; or None."""
        try:
            data = read_json(self._path)
            if data is None or data.get("place") != self._place:
                return None
            found = {str(key): str(reason) for key, reason in data["found"].items()}
            return found, float(data["tested_at"])
        except (StorageError, KeyError, ValueError, TypeError, AttributeError) as error:
            log.warning("the last test of protections is not readable", error=str(error))
            return None

    def write(self, found: dict[str, str], tested_at: float) -> None:
        """Keep a result. A failure is logged only: the node then tests again after a restart."""
        data = {"place": self._place, "found": found, "tested_at": tested_at}
        try:
            write_json(self._path, data)
        except StorageError as error:
            log.warning("the test of protections is not kept", error=str(error))
