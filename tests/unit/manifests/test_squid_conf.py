"""squid's configuration. tests/cluster/test_whitelist.py tries the real squid."""

import ipaddress

import pytest

from node_poc.config.dangers import METADATA
from node_poc.config.whitelist import Whitelist
from node_poc.manifests.squid_conf import PRIVATE, squid_conf, without_covered


def lines(**whitelist):
    return squid_conf(Whitelist(**whitelist)).splitlines()


def test_every_rule_denies_before_the_last_allows():
    rules = [line for line in lines(domains=["a.example"]) if line.startswith("http_access")]
    assert rules == [
        "http_access deny !names",
        "http_access deny !ports",
        "http_access deny tunnel !tls",
        "http_access deny private",
        "http_access deny crowd",
        "http_access allow all",
    ]


def test_names_and_ports_are_those_of_the_list():
    made = lines(domains=["a.example", ".b.example"], ports=[443, 8443])
    assert "acl names dstdomain -n a.example .b.example" in made
    assert "acl ports port 443 8443" in made
    assert "acl ports port 80 443" in lines(domains=["a.example"])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["a.example", "a.example"], ["a.example"]),
        (["x.b.example", ".b.example", "b.example"], [".b.example"]),
        ([".c.b.example", ".b.example"], [".b.example"]),
        (["xb.example", ".b.example"], ["xb.example", ".b.example"]),
    ],
)
def test_a_name_within_a_domain_of_the_list_is_left_out(given, kept):
    assert without_covered(given) == kept


def test_metadata_is_private():
    networks = [ipaddress.ip_network(each) for each in PRIVATE]
    for each in METADATA:
        assert any(each.version == n.version and each.subnet_of(n) for n in networks), each
