"""Subtasks at a server with a blob store: vantage6's algorithm client through the node's proxy.

The algorithm client's input goes through the proxy into the store, and the node's code reads the
input there; the node's code stores the result, and the algorithm client reads it through the proxy.
"""

import json

import pytest
import requests

from devserver import DevServer, Options, provision
from node_poc.protocol.vantage6.blobs import Blobs
from node_poc.protocol.vantage6.large_payloads import MAX_BYTES
from node_poc.protocol.vantage6.rest.session import RestSession
from tests.fakes.blob_store import BlobStore
from tests.fakes.proxied_station import IMAGE, INPUT, Algorithm, ProxiedStation
from tests.fakes.proxy import proxy

pytestmark = pytest.mark.timeout(240)  # the first use installs vantage6


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    store = BlobStore()
    store.start()
    folder = tmp_path_factory.mktemp("vantage6-blobs")
    server = DevServer(folder, options=Options(blob_store=store.settings))
    server.start()
    yield provision(server)
    server.stop()
    store.stop()


@pytest.fixture(params=["plain", "encrypted"])
def station(request, world):
    made = ProxiedStation(world, request.param)
    with proxy(made.cryptor("alpha"), server=world.server.url) as running:
        made.proxy = running
        yield made
    made.user.close()


def blobs_of(station, name):
    """Return the blob store as the node of this organization uses it."""
    server = station.world.server
    key = station.world.node(station.collaboration, name)["api_key"]
    return Blobs(RestSession(f"{server.host}:{server.port}", "/api", key), station.cryptor(name))


def test_a_central_function_makes_subtasks_and_reads_their_results(station):
    parent = station.submit("alpha")["task_id"]
    algorithm = Algorithm(station, station.container_token(parent))
    try:
        names = ("alpha", "beta")
        organizations = [station.world.organization(name) for name in names]
        subtask = algorithm("create", INPUT, organizations)
        for name in names:
            run, blobs = station.open_run(name, subtask["id"]), blobs_of(station, name)
            assert run["blob_storage_used"]
            assert json.loads(blobs.read(run["input"], MAX_BYTES)) == INPUT
            result = json.dumps({"from": name, "many": "y" * 2_000_000}).encode()
            stored = blobs.store(run["id"], result, station.public_key("alpha"))
            station.end(name, run, stored)
        results = algorithm("wait", subtask["id"])
    finally:
        algorithm.close()
    assert sorted(result["from"] for result in results) == ["alpha", "beta"]
    assert {len(result["many"]) for result in results} == {2_000_000}


def test_another_studys_stored_data_stays_closed_and_is_nobodys_input(station):
    """The server gives each blob to its whole collaboration, and lets any task name the blob."""
    theirs = station.submit("alpha")["task_id"]
    run, blobs = station.open_run("alpha", theirs), blobs_of(station, "alpha")
    name = blobs.store(run["id"], b'{"another": "study"}', station.public_key("alpha"))
    station.end("alpha", run, name)
    mine = station.submit("alpha")["task_id"]
    headers = {"Authorization": f"Bearer {station.container_token(mine)}"}

    def ask(base, path):
        return requests.get(f"{base}/{path}", headers=headers, timeout=30)

    for path in (f"blobstream/{name}", f"result?task_id={theirs}", f"result/{run['id']}"):
        assert ask(station.proxy.url, path).status_code == 403
        assert ask(station.world.server.url, path).status_code == 200  # the control
    assert ask(station.proxy.url, f"blobstream/{name}").status_code == 403
    subtask = {
        "name": "n",
        "image": IMAGE,
        "collaboration_id": station.world.collaboration(station.collaboration),
        "description": "",
        "organizations": [{"id": station.world.organization("alpha"), "input": name}],
        "databases": [],
    }
    got = requests.post(f"{station.proxy.url}/task", json=subtask, headers=headers, timeout=30)
    assert got.status_code == 400
    assert "POST /blobstream" in got.json()["msg"]
    url = f"{station.world.server.url}/task"
    assert requests.post(url, json=subtask, headers=headers, timeout=30).ok  # the control
