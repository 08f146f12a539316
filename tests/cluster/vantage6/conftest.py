"""A real vantage6 server with four data stations on the cluster, shared by these tests."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from devserver import Client
from devstation import ENCRYPTED, PLAIN, Cluster, Federation, Location, Vantage6Station, own_home
from devstation.storage import Claims, are_claims_chosen
from tests.cluster.evil_surroundings import IMAGE as HOSTILE_IMAGE
from tests.cluster.station import no_self_test
from tests.cluster.vantage6.claims import lie_in_claims, site_objects, volumes
from tests.cluster.vantage6.data import PASSWORD, make_files, start_postgres, start_sparql

PORT, POSTGRES_PORT, SPARQL_PORT = 7655, 7656, 7657
HOME = own_home("fed-test")
DATA_STATION = PLAIN[0]
#: This station's algorithms reach the outside by its name.
WHITELIST_STATION = PLAIN[1]
LISTED, UNLISTED = "listed.example", "unlisted.example"
#: This station's files lie in volume claims at other paths; the others' files lie in folders of the
#: machine, or with STORAGE=claims in claims as well.
CLAIMS_STATION = ENCRYPTED[1]
NAMESPACE = "v6-fed-test"
TASKS_CLAIM, DATABASES_CLAIM = "tasks", "databases"


@pytest.fixture(scope="session")
def federation(cluster: Cluster) -> Iterator[Federation]:
    """Return server, nodes and proxies, ready; the first station has a database of each type."""
    address = cluster.server_ip
    made = Federation(cluster, Location(NAMESPACE, HOME, PORT))
    home = made.folder(CLAIMS_STATION)
    folders = {TASKS_CLAIM: made.tasks(CLAIMS_STATION), DATABASES_CLAIM: home / "data"}
    local = volumes(NAMESPACE, folders)
    claims = _claims(made) if are_claims_chosen(os.environ) else {}
    local += [volume for each in claims.values() for volume in each.volumes()]

    def remove() -> None:
        made.remove()
        cluster.delete(*local)

    remove()
    made.start_server(lambda text: print(text, file=sys.stderr))
    stations = (*PLAIN, *ENCRYPTED)
    made.place_data(stations)
    files = make_files(made.folder(DATA_STATION) / "data")
    services = [
        start_sparql(address, SPARQL_PORT),
        start_postgres(HOME / "postgres", address, POSTGRES_PORT, "0.0.0.0/0"),
    ]
    try:
        for station in stations:
            config = made.config(station)
            no_self_test(config)
            if station == DATA_STATION:
                config["policies"]["allowed_algorithms"].append(cluster.image(HOSTILE_IMAGE))
                config["databases"] += files + _services(address)
                named = {"address": address, "port": SPARQL_PORT}
                config["kubernetes"]["databases_egress"] = {"notes": named}
            if station == WHITELIST_STATION:
                _whitelist(config, cluster)
            if station == CLAIMS_STATION:
                lie_in_claims(config, TASKS_CLAIM, DATABASES_CLAIM)
            elif claims:
                claims[station].configure(config)
            # Nodes with folders of the machine share the namespace with nodes with claims.
            config["kubernetes"]["pod_security"] = "privileged"
            made.deploy(station, config)
        cluster.apply(*local, *site_objects(NAMESPACE))
        made.wait_ready()
        yield made
    finally:
        remove()
        for service in services:
            service.stop()


def _whitelist(config: dict[str, Any], cluster: Cluster) -> None:
    """Open one of the two names of the outside."""
    outside = cluster.outside.partition(":")[0]
    config["node_extra_hosts"] = {LISTED: outside, UNLISTED: outside}
    config["whitelist"] = {"domains": [LISTED]}
    config["kubernetes"]["whitelist_image"] = cluster.image("v6_whitelist_proxy")


def _claims(made: Federation) -> dict[Vantage6Station, Claims]:
    """Return claims for the other stations, for tests in which no station has folders."""
    others = [station for station in (*PLAIN, *ENCRYPTED) if station != CLAIMS_STATION]
    return {
        station: Claims(NAMESPACE, station.name, made.tasks(station), made.folder(station) / "data")
        for station in others
    }


def _services(address: str) -> list[dict[str, Any]]:
    postgres = f"postgresql://station:{PASSWORD}@{address}:{POSTGRES_PORT}/postgres"
    return [
        {
            "label": "warehouse",
            "type": "sql",
            "uri": postgres,
            "env": {"schema": "public"},
        },
        {"label": "triples", "type": "sparql", "uri": f"http://{address}:{SPARQL_PORT}/sparql"},
    ]


@pytest.fixture(scope="session")
def plain(federation: Federation) -> Iterator[Client]:
    """Return vantage6's own client, as an administrator of the collaboration."""
    client = federation.world.client("admin")
    yield client
    client.close()


@pytest.fixture(scope="session")
def encrypted(federation: Federation) -> Iterator[Client]:
    """Return the same client with the organization's private key."""
    client = federation.world.client("admin", encrypted=True)
    yield client
    client.close()


class Asking:
    """Post tasks for the test algorithm to one collaboration, and wait for their ends."""

    def __init__(self, federation: Federation, client: Client, collaboration: str) -> None:
        """Post as the user of ``client`` to ``collaboration``."""
        self.federation = federation
        self.client = client
        self.collaboration = federation.world.collaboration(collaboration)

    def post(
        self,
        method: str,
        *labels: str | dict[str, Any],
        at: tuple[str, ...] = ("alpha",),
        image: str = "v6_test_algorithm",
        **arguments: Any,
    ) -> int:
        """Post a task; return its id. A label may be a whole entry with its parameters."""
        databases = [{"label": each} if isinstance(each, str) else each for each in labels]
        made = self.client.submit(
            self.collaboration,
            [self.federation.world.organization(name) for name in at],
            self.federation.cluster.image(image),
            {"method": method, "kwargs": arguments},
            databases,
        )
        return int(made["task_id"])

    def ask(self, method: str, *labels: str | dict[str, Any], **more: Any) -> Any:
        """Post a task for one organization, and return its result."""
        task = self.post(method, *labels, **more)
        end = self.client.wait(task, timeout=180)
        assert end["status"] == "completed", end
        return json.loads(self.client.results(task)[0])


@pytest.fixture(scope="session")
def asking(federation: Federation, plain: Client) -> Asking:
    """Return the poster for the collaboration without encryption."""
    return Asking(federation, plain, "plain")


@pytest.fixture(scope="session")
def asking_encrypted(federation: Federation, encrypted: Client) -> Asking:
    """Return the poster for the collaboration with encryption."""
    return Asking(federation, encrypted, "encrypted")
