"""The keys of ``kubernetes.walls``."""

import pytest
from pydantic import ValidationError

from node_poc.config.walls import Walls, host_and_port


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.7:443", ("192.0.2.7", 443)),
        ("machine:31000", ("machine", 31000)),
        ("server.example:65535", ("server.example", 65535)),
        ("[2001:db8::7]:80", ("2001:db8::7", 80)),
        ("192.0.2.7", None),
        ("192.0.2.7:0", None),
        ("192.0.2.7:65536", None),
        ("2001:db8::7:80", None),
        ("https://server.example:443", None),
        (":443", None),
        ("", None),
    ],
)
def test_an_address_has_a_host_and_a_port(text, found):
    assert host_and_port(text) == found


def test_an_address_for_the_self_test_needs_its_port():
    assert Walls(self_test_addresses=["192.0.2.7:443"]).self_test_addresses == ["192.0.2.7:443"]
    with pytest.raises(ValidationError, match=r"such as 192\.0\.2\.7:443"):
        Walls(self_test_addresses=["192.0.2.7:443", "192.0.2.8"])


def test_the_walls_are_tested_once_a_day_unless_switched_off():
    assert Walls().self_test_hours == 24
    assert Walls(self_test_hours=None).self_test_hours is None
    with pytest.raises(ValidationError):
        Walls(self_test_hours=0)
