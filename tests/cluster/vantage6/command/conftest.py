"""A vantage6 server and the installed ``v6-node``, shared by these tests; each makes its node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstation import Cluster, Federation, Location, own_home
from tests.cluster.vantage6.conftest import Asking
from tests.cluster.vantage6.installed import Command, asking_as_admin, install, lone_server

COLLABORATION = "plain"
PORT = 7659
HOME = own_home("command-tests")


@pytest.fixture(scope="session")
def command(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Return the command of the wheel, installed where nothing else of the project is."""
    return install(cluster, tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="session")
def server(cluster: Cluster) -> Iterator[Federation]:
    with lone_server(cluster, Location("v6-command-tests", HOME, PORT)) as made:
        yield made


@pytest.fixture(scope="session")
def asking(server: Federation) -> Iterator[Asking]:
    with asking_as_admin(server, COLLABORATION) as made:
        yield made


@pytest.fixture
def key(server: Federation, tmp_path: Path) -> Path:
    """Return the file with the API key of the first organization's node."""
    path = tmp_path / "api.key"
    path.write_text(server.world.node(COLLABORATION, "alpha")["api_key"])
    return path
