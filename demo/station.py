"""The demo's station: the users' YAML files as they are, and a server in the background."""

from __future__ import annotations

import time
from pathlib import Path

from demo.errors import DemoError
from devstation import BackgroundServer, Cluster, DummyStation, Location
from devstation.location import USERS_HOME

#: The location in the users' YAML files.
LOCATION = Location("v6-jobs", USERS_HOME, 5000)
_SERVER_FILES = USERS_HOME / "demo"
_PROXY_LOOKS = 40


class DemoStation(DummyStation):
    """A station that outlives the demo's process."""

    def __init__(self, cluster: Cluster) -> None:
        """Take the cluster; the first change is ``make_folders``."""
        self.background = BackgroundServer(cluster, LOCATION.port, _SERVER_FILES)
        super().__init__(cluster, LOCATION, self.background)

    def folders(self) -> list[Path]:
        """Return the usual folders, and the folder with the server's log."""
        return [*super().folders(), _SERVER_FILES]

    def make_folders(self) -> None:
        """Make missing folders. Raise DemoError if this user may not."""
        try:
            super().make_folders()
        except PermissionError as error:
            raise DemoError(f"{error.filename}: not writable; run the demo as root") from error

    def proxy_outbound(self) -> str:
        """Return the proxy's line about outbound traffic, which may come after some seconds."""
        for _ in range(_PROXY_LOOKS):
            text = self.kubectl("logs", "deployment/v6proxy")
            lines = [line for line in text.splitlines() if "outbound traffic:" in line]
            if lines:
                return lines[0]
            time.sleep(1)
        return "the proxy's log says nothing of outbound traffic"
