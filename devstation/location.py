"""The location of a station or of a federation."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from devcluster.layout import Layout

#: The folder in the users' YAML files.
USERS_HOME = Path("/var/lib/vantage6-node")


@dataclass(frozen=True)
class Location:
    """A namespace of the cluster, a folder of the machine, and the port of the server.

    Stations at different locations of a cluster share nothing. ``home`` has the same path on all
    cluster nodes.
    """

    namespace: str
    home: Path
    port: int


def own_home(name: str) -> Path:
    """Return a folder for stations beside the users' folder.

    All instances of the dev cluster see the folders of this machine; therefore each instance has
    folders of its own.
    """
    index = Layout.chosen(os.environ).index
    return Path(f"{USERS_HOME}-{name}{index or ''}")
