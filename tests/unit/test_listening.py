"""Sockets for all addresses: of IPv4 and IPv6, or of what the kernel has."""

import socket

import pytest

from node_poc.listening import listen_on_all

LOOPBACKS = ["127.0.0.1", "::1"]


@pytest.mark.parametrize("host", LOOPBACKS)
def test_both_kinds_of_addresses_are_listened_on(host):
    with listen_on_all(0, 8) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection((host, port), timeout=5) as caller:
            accepted, _ = listener.accept()
            accepted.close()
            assert caller.getpeername()[1] == port


def test_a_kernel_without_ipv6_gets_ipv4(monkeypatch):
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with listen_on_all(0, 8) as listener:
        assert listener.family is socket.AF_INET


def test_a_port_that_is_taken_is_an_error():
    with listen_on_all(0, 8) as listener, pytest.raises(OSError, match="in use"):
        listen_on_all(listener.getsockname()[1], 8)
