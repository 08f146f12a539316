"""The port of the health server."""

import socket

import pytest

from node_poc.observe.health import Checks, HealthServer


def test_a_port_that_is_taken_is_told_by_its_option():
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"^--health-port {port}: .*give another"):
            HealthServer(port, Checks(lambda: True, lambda: True))
