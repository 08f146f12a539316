"""The addresses around the node, and which of them answer."""

import socket

import pytest

from node_poc.cluster import surroundings
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.surroundings import look_around, reached_from_here
from node_poc.isolation.self_test.targets import Target
from tests.fakes.examples import config


class Api:
    def __init__(self, answer):
        self.answer = answer

    def call(self, method, path):
        assert (method, path) == ("GET", "/api")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def service_address(self, name):
        return {"v6proxy": "10.96.0.77"}[name]


TOLD = {
    "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "172.30.0.2:6443"}]
}


def look(answer, **walls):
    api = Api(answer)
    settings = config(walls=walls)
    return look_around(settings, api, api, 8081)


@pytest.fixture
def in_a_pod(monkeypatch, tmp_path):
    resolver = tmp_path / "resolv.conf"
    resolver.write_text("search a\nnameserver 10.96.0.10\noptions ndots:5\n")
    monkeypatch.setattr(surroundings, "_RESOLVER", resolver)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")


@pytest.fixture
def outside(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


def test_a_node_in_a_pod_knows_service_dns_and_itself(in_a_pod):
    found = look(TOLD)
    assert found.api == ("127.0.0.1", 443)
    assert found.api_machines == (("172.30.0.2", 6443),)
    assert found.name_servers == ("10.96.0.10",)
    assert found.node == ("127.0.0.1", 8081)
    assert found.proxy == "10.96.0.77"


def test_a_node_outside_of_a_pod_knows_less(outside):
    found = look(TOLD)
    assert (found.api, found.name_servers, found.node) == (None, (), None)
    assert found.api_machines == (("172.30.0.2", 6443),)


def test_loopback_addresses_mean_something_else_in_a_pod(outside):
    answer = {"serverAddressByClientCIDRs": [{"serverAddress": "127.0.0.1:6443"}]}
    found = look(answer)
    assert found.api_machines == ()
    assert found.server == ()  # http://127.0.0.1 in the example


def test_an_api_server_that_does_not_tell_its_address_is_no_trouble(outside):
    assert look(ClusterError("GET /api", 403, "Forbidden", "no")).api_machines == ()
    assert look({}).api_machines == ()
    with pytest.raises(ClusterError):
        look(ClusterError("GET /api", 0, "Timeout", "no answer"))


def test_further_addresses_are_looked_up_but_for_the_machine(outside):
    given = ["192.0.2.7:443", "machine:31000", "[2001:db8::1]:9"]
    found = look(TOLD, self_test_addresses=given)
    assert found.further == (("192.0.2.7", 443), ("machine", 31000), ("2001:db8::1", 9))


def test_what_answers_the_node_is_up():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        up = Target("up", "tcp", "127.0.0.1", port)
        with socket.create_server(("127.0.0.1", 0)) as gone:
            down = Target("down", "tcp", "127.0.0.1", gone.getsockname()[1])
        assert reached_from_here([up, down], 0.1) == [up]
    assert reached_from_here([], 0.0) == []
