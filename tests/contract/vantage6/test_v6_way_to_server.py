"""Two ways to a real server: behind TLS of the site's own authority, and through an outer proxy.

Node and proxy are processes as in their pods. The task is a central task: its container makes a
subtask through the proxy with vantage6's own client, and reads the subtask's result.
"""

from __future__ import annotations

import contextlib
import json
from types import SimpleNamespace

import pytest
import requests

from devserver.ports import free_port
from tests.fakes.processes import Process
from tests.fakes.proxied_station import Algorithm
from tests.fakes.station import eventually
from tests.fakes.tokens import container_token
from tests.fakes.way_to_server import ADDRESS, front, make_authority, outer_proxy

_VARIABLES = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]
_VARIABLES += ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"]


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch):
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def authority(tmp_path):
    return make_authority(tmp_path)


class Way:
    """A station whose server is behind ``door``; its node and its proxy are processes."""

    def __init__(self, station, door, scheme):
        self.station, self.port = station, free_port()
        station.config = {"server_url": f"{scheme}://{ADDRESS}", "port": door.port}
        station.settings["proxy"] = {"port": self.port}
        self.environment = {}
        self.processes = []

    def start(self):
        self.node = self.station.start_process(**self.environment)
        config = ["--config", str(self.station.folder / "node_config.yaml")]
        options = ["-m", "node_poc", "proxy", *config, "--health-port", str(free_port())]
        log = self.station.folder / "proxy.log"
        self.proxy = Process(options, log, **self.environment)
        self.processes = [self.node, self.proxy]
        return self

    def close(self):
        for process in self.processes:
            process.kill()

    def central_task(self, user):
        """Run a task whose container makes a subtask; return the results as the user gets them."""
        station = self.station
        made = station.submit(user)
        run_id = station.run_of(made)
        station.job_arrives(run_id)
        station.kubelet.starts(run_id)
        token = (station.task_dir / f"{run_id}/token").read_text()
        eventually(self.proxy_answers, "the proxy")
        algorithm = Algorithm(SimpleNamespace(proxy=SimpleNamespace(port=self.port)), token)
        try:
            subtask = algorithm("create", {"method": "partial"}, [station.alpha])
            assert "id" in subtask, subtask
            (run,) = eventually(lambda: user.runs(subtask["id"]))
            station.job_arrives(run["id"])
            station.ends(run["id"], result={"sum": 42})
            assert algorithm("wait", subtask["id"]) == [{"sum": 42}]
        finally:
            algorithm.close()
        station.ends(run_id, result={"average": 21})
        assert user.wait(made["task_id"], 90)["status"] == "completed"
        return [json.loads(text) for text in user.results(made["task_id"])]

    def proxy_answers(self):
        """Return the status of the answer to a valid request, or None if there is no answer yet."""
        assert self.proxy.is_alive, self.proxy.log
        headers = {"Authorization": f"Bearer {container_token()}"}
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            url = f"http://{ADDRESS}:{self.port}/version"
            return requests.get(url, headers=headers, timeout=20).status_code
        return None

    @property
    def log(self):
        return (self.station.folder / "node.log").read_text()


@pytest.fixture
def way_of(station):
    """Return a function that makes the test's way to the server."""
    made = []

    def make(door, scheme):
        made.append(Way(station, door, scheme))
        return made[0]

    yield make
    for one in made:
        one.close()


def by_setting(way, authority):
    way.station.settings["ca_file"] = authority.certificate.name  # beside the configuration


def by_variable(name):
    def named(way, authority):
        way.environment[name] = str(authority.certificate)

    return named


@pytest.mark.parametrize(
    "named",
    [by_setting, by_variable("REQUESTS_CA_BUNDLE"), by_variable("SSL_CERT_FILE")],
    ids=["ca_file", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"],
)
def test_a_central_task_with_a_server_of_the_sites_own_authority(
    station, admin, authority, way_of, named
):
    with front(station.world.server.port, authority) as door:
        way = way_of(door, "https")
        named(way, authority)
        assert way.start().central_task(admin) == [{"average": 21}]
        assert any("transport=websocket" in head for head in door.seen.heads)


@pytest.mark.parametrize("known", [True, False])
def test_check_asks_a_server_of_the_sites_own_authority(station, authority, way_of, known):
    with front(station.world.server.port, authority) as door:
        way = way_of(door, "https")
        if known:
            by_setting(way, authority)
        options = ["check", "--online", "--config", str(station.write_config())]
        check = Process(["-m", "node_poc", *options], station.folder / "check.log")
        way.processes.append(check)
        code = check.wait(60)
        assert code == (0 if known else 2), check.log
        assert ("server: vantage6" in check.log) is known
        assert "certificate" in check.log or known


def test_a_server_of_an_unknown_authority_gets_nothing(station, authority, way_of):
    with front(station.world.server.port, authority) as door:
        way = way_of(door, "https").start()
        eventually(lambda: "certificate" in way.log.lower(), "the node tells of it")
        assert eventually(way.proxy_answers) == 502
        assert door.seen.heads == []


@pytest.mark.parametrize(
    ("scheme", "variable"),
    [("https", "HTTPS_PROXY"), ("https", "https_proxy"), ("http", "HTTP_PROXY")],
)
def test_a_central_task_by_way_of_the_sites_outer_proxy(
    station, admin, authority, way_of, scheme, variable
):
    """The node reaches the server only through the outer proxy, the Kubernetes API directly."""
    secured = authority if scheme == "https" else None
    with outer_proxy() as outer, front(station.world.server.port, secured) as door:
        way = way_of(door, scheme)
        if secured:
            by_setting(way, authority)
        way.environment[variable] = outer.url
        assert way.start().central_task(admin) == [{"average": 21}]
        assert outer.seen.targets == {f"{ADDRESS}:{door.port}"}
        assert outer.seen.refused == []
        eventually(lambda: door.seen.peers <= outer.seen.own_ports)
        assert any("transport=websocket" in head for head in door.seen.heads)
