"""The port of the health server."""

import socket

import pytest

from node_poc.observe.health import Checks, HealthServer


def test_a_port_that_is_taken_is_told_by_its_option():
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"^--health-port {port}: .*give another"):
            HealthServer(port, Checks(lambda: True, lambda: True))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_probes_come_by_ipv4_or_ipv6(host):
    server = HealthServer(0, Checks(lambda: True, lambda: True))
    server.start()
    try:
        with socket.create_connection((host, server.port), timeout=5) as probe:
            probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert probe.recv(64).startswith(b"HTTP/1.1 200")
    finally:
        server.stop()
