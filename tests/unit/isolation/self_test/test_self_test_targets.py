"""The destinations of a self-test: all that are known, and none that the site has opened."""

import pytest

from node_poc.config.model import NodeConfig
from node_poc.isolation.self_test import targets as module
from node_poc.isolation.self_test.targets import (
    Surroundings,
    forbidden_targets,
    is_opened,
    plan_of,
    pod_targets,
)
from node_poc.tester import machine
from tests.fakes.examples import config

AROUND = Surroundings(
    proxy="10.96.0.77",
    api=("10.96.0.1", 443),
    api_machines=(("172.30.0.2", 6443),),
    name_servers=("10.96.0.10",),
    node=("10.42.0.9", 8081),
    server=(("192.0.2.8", 443),),
    further=(("machine", 31000), ("192.0.2.9", 9)),
)


def whitelisting(*ips, ports=()):
    data = config().model_dump() | {"whitelist": {"ips": list(ips), "ports": list(ports)}}
    return NodeConfig.model_validate(data)


def names(found):
    return {(each.way, each.protocol, each.host, each.port) for each in found}


def test_all_that_is_known_is_tried_but_the_proxy_is_not_forbidden():
    assert names(forbidden_targets(config(), AROUND)) == {
        ("the API server's Service", "tcp", "10.96.0.1", 443),
        ("the API server's machine", "tcp", "172.30.0.2", 6443),
        ("the kubelet of its machine", "tcp", "machine", 10250),
        ("the cloud's metadata", "tcp", "169.254.169.254", 80),
        ("DNS by UDP", "udp", "10.96.0.10", 53),
        ("DNS by TCP, in another namespace", "tcp", "10.96.0.10", 53),
        ("the node's pod", "tcp", "10.42.0.9", 8081),
        ("the server", "tcp", "192.0.2.8", 443),
        ("an address of self_test_addresses", "tcp", "machine", 31000),
        ("an address of self_test_addresses", "tcp", "192.0.2.9", 9),
    }


def test_what_is_not_known_is_left_out():
    assert {each.host for each in forbidden_targets(config(), Surroundings())} == {
        "machine",
        "169.254.169.254",
    }


@pytest.mark.parametrize(
    "around",
    [
        Surroundings(api=("fd00::1", 443)),
        Surroundings(proxy="fd00::7"),
        Surroundings(api=("10.96.0.1", 443), name_servers=("fd00::a",)),
    ],
)
def test_a_cluster_with_ipv6_has_the_metadata_of_ipv6_too(around):
    found = forbidden_targets(config(), around)
    assert ("the cloud's metadata", "tcp", "fd00:ec2::254", 80) in names(found)


def test_an_address_that_the_site_has_opened_is_not_forbidden():
    found = forbidden_targets(whitelisting("192.0.2.0/24"), AROUND)
    assert "the server" not in {each.way for each in found}
    assert ("an address of self_test_addresses", "tcp", "192.0.2.9", 9) in names(found)


@pytest.mark.parametrize(
    ("host", "port", "is_open"),
    [
        ("192.0.2.7", 443, True),
        ("192.0.2.7", 80, True),
        ("192.0.2.7", 81, False),
        ("192.0.3.7", 443, False),
        ("machine", 443, False),
        ("fe80::1%eth0", 443, True),
    ],
)
def test_the_whitelist_opens_addresses_on_its_ports_only(host, port, is_open):
    assert is_opened(whitelisting("192.0.2.0/24", "fe80::/10"), host, port) is is_open


def test_the_ports_of_the_whitelist_are_those_of_the_policies():
    assert is_opened(whitelisting("192.0.2.7", ports=[5432]), "192.0.2.7", 5432)
    assert not is_opened(whitelisting("192.0.2.7", ports=[5432]), "192.0.2.7", 443)


def test_ways_by_ipv6_have_their_own_name():
    found = pod_targets(config(), "another pod", ["10.42.0.8", "fe80::8%eth0"])
    assert [each.way for each in found] == ["another pod", "another pod by IPv6"]


def test_the_plan_has_the_order_of_the_targets():
    found = forbidden_targets(config(), AROUND)
    head, *lines = plan_of(found, 25.0).splitlines()
    assert head == "10.0 30.0 25.0 8099"
    assert lines == [f"{each.protocol} {each.host} {each.port}" for each in found]


def test_the_program_knows_the_machine_by_the_same_word():
    assert machine.MACHINE == module.MACHINE
