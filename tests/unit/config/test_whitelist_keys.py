"""``whitelist.domains``: names that squid understands, and entries that are none."""

import pytest

from node_poc.config.errors import ConfigError
from node_poc.config.load import parse_config

HEAD = "api_key: a\nserver_url: https://server.example\ntask_dir: /tasks\n"


def whitelist(text):
    return parse_config(f"{HEAD}whitelist: {{{text}}}\n", {}).whitelist


def test_names_are_read_in_small_letters_and_none_is_the_default():
    assert whitelist("domains: [Pypi.org, .Example.org]").domains == ["pypi.org", ".example.org"]
    assert parse_config(HEAD, {}).whitelist.domains == []


@pytest.mark.parametrize(
    ("entry", "remedy"),
    [
        ("'*.example.org'", "write .example.org"),
        ("https://example.org", "the host's name alone"),
        ("'example.org:443'", "whitelist.ports"),
        ("10.0.0.0/8", "the host's name alone"),
        ("büro.example.org", "xn--"),
        ("'192.0.2.1'", "whitelist.ips"),
        ("'::1'", "the host's name alone"),
        ("''", "write host.example.org"),
        ("org", "write host.example.org"),
        (".org", "write host.example.org"),
        ("'a..example.org'", "write host.example.org"),
        ("'a b.example.org'", "write host.example.org"),
        (f"{'a' * 64}.example.org", "write host.example.org"),
        (".".join(["a" * 60] * 5), "write host.example.org"),
    ],
)
def test_another_entry_is_named_with_rule_and_remedy(entry, remedy):
    with pytest.raises(ConfigError, match=r"whitelist\.domains: entry 2 ") as told:
        whitelist(f"domains: [example.org, {entry}]")
    assert remedy in str(told.value)


def test_the_list_has_a_limit():
    names = [f"host{n}.example.org" for n in range(200)]
    assert len(whitelist(f"domains: [{', '.join(names)}]").domains) == 200
    with pytest.raises(ConfigError, match=r"whitelist\.domains.*200"):
        whitelist(f"domains: [{', '.join(names)}, one.more]")


def test_the_opened_ways_are_told_with_their_ports():
    assert whitelist("ports: [443]").opened == ()
    assert whitelist("domains: [a.example], ips: [192.0.2.7], ports: [443]").opened == (
        "whitelist.domains a.example (ports 443)",
        "whitelist.ips 192.0.2.7 (ports 443)",
    )
    assert whitelist("domains: [a.example]").opened[0].endswith("(ports 80, 443)")
