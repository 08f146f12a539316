"""Names are resolved once a minute, and the log reports names without an address."""

import socket

import pytest

from node_poc.cluster import addresses
from node_poc.cluster.addresses import Addresses, look_up


def test_this_machine():
    assert "127.0.0.1" in look_up("localhost")
    assert look_up("192.0.2.7") == ("192.0.2.7",)


@pytest.mark.parametrize("host", ["", "a" * 300, "no such name", "nowhere.invalid", "\ud800"])
def test_no_name(host):
    assert look_up(host) in {(), look_up("localhost")}


@pytest.fixture
def dns(monkeypatch):
    """A DNS whose answers and clock the test controls."""
    state = {"answer": ["192.0.2.2", "2001:db8::1", "192.0.2.1"], "asked": 0, "now": 0.0}

    def getaddrinfo(host, port, **_):
        state["asked"] += 1
        if not state["answer"]:
            raise socket.gaierror
        return [(0, 0, 0, "", (address, 0)) for address in state["answer"]]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(addresses.time, "monotonic", lambda: state["now"])
    return state


def test_one_address_is_kept_for_a_minute(dns):
    found = Addresses()
    assert found.of("host") == "192.0.2.1"
    dns["answer"] = ["192.0.2.9"]
    dns["now"] = 59.0
    assert found.of("host") == "192.0.2.1"
    assert dns["asked"] == 1
    dns["now"] = 61.0
    assert found.of("host") == "192.0.2.9"


def test_pods_of_an_ipv6_cluster_get_an_ipv6_address_if_there_is_one(dns):
    assert Addresses(by_ipv6=True).of("host") == "2001:db8::1"
    dns["answer"] = ["192.0.2.2"]
    assert Addresses(by_ipv6=True).of("host") == "192.0.2.2"


def test_the_last_address_stays_while_dns_is_away(dns):
    found = Addresses()
    assert found.of("host") == "192.0.2.1"
    dns |= {"answer": [], "now": 100.0}
    assert found.of("host") == "192.0.2.1"
    assert found.of("other") is None


def test_a_burst_of_runs_asks_a_failing_dns_once(dns):
    found = Addresses()
    assert found.of("host") == "192.0.2.1"
    dns |= {"answer": [], "now": 100.0, "asked": 0}
    assert [found.of(name) for name in ("host", "other") * 20] == ["192.0.2.1", None] * 20
    assert dns["asked"] == 2


def test_a_name_is_looked_up_again_soon_after_a_failure(dns):
    found = Addresses()
    dns["answer"] = []
    assert found.of("host") is None
    dns |= {"answer": ["192.0.2.1"], "now": 4.9}
    assert found.of("host") is None
    dns["now"] = 5.1
    assert found.of("host") == "192.0.2.1"


def test_a_failure_counts_from_the_moment_of_the_answer(dns, monkeypatch):
    def slow(host, port, **_):
        dns["asked"] += 1
        dns["now"] += 20.0
        raise socket.gaierror

    monkeypatch.setattr(addresses.socket, "getaddrinfo", slow)
    found = Addresses()
    assert found.of("host") is None
    assert found.of("host") is None
    assert dns["asked"] == 1
