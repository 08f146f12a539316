"""The addresses for a pod without DNS: that of the forward proxy, if there are names to reach."""

import pytest

from node_poc.config.load import parse_config
from node_poc.engine.job_hosts import JobHosts
from tests.fakes.examples import spec

HEAD = "api_key: a\nserver_url: https://server.example\ntask_dir: /tasks\n"
NAMES = "whitelist: {domains: [a.example]}\n"


class Services:
    """Knows the addresses of Services by name, and notes the questions."""

    def __init__(self, address):
        self.address, self.asked = address, []

    def service_address(self, name):
        self.asked.append(name)
        return self.address


@pytest.mark.parametrize(("address", "found"), [("10.0.0.9", {"squid": "10.0.0.9"}), (None, {})])
def test_with_names_the_forward_proxys_service_is_looked_up(address, found):
    services = Services(address)
    assert JobHosts(parse_config(HEAD + NAMES, {}), services).find_services(spec()) == found
    assert [name.endswith("-whitelist") for name in services.asked] == [True]


def test_without_names_nothing_is_asked():
    services = Services("10.0.0.9")
    assert JobHosts(parse_config(HEAD, {}), services).find_services(spec()) == {}
    assert services.asked == []
