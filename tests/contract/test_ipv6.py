"""A station without IPv4: server, Kubernetes API, node and proxy meet on IPv6 addresses."""

import socket

import pytest
import requests
from kubernetes.config import kube_config

from tests.contract.test_proxy_process import process
from tests.fakes.proxy import API
from tests.fakes.station import Station, eventually, payload
from tests.fakes.upstream import Answer, Upstream

LOOPBACK = "::1"
VERSION = {"version": "4.15.2"}


@pytest.fixture
def ipv6_station(tmp_path, hurry, monkeypatch):
    """A station whose server and Kubernetes API listen on IPv6 only."""
    made = Station(tmp_path, host=LOOPBACK)
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(made.kubeconfig))
    yield made
    made.close()


def test_a_run_goes_from_command_to_result_without_ipv4(ipv6_station):
    emitter = ipv6_station.start()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ipv6_station.server.port), timeout=5)
    ipv6_station.api.kubelet.on_pod = ipv6_station.api.kubelet.ends
    emitter.post(payload(7))
    assert emitter.wait(7, 40)["status"] == "completed"


@pytest.mark.parametrize("host", ["127.0.0.1", f"[{LOOPBACK}]"])
def test_the_proxy_answers_algorithms_and_probes_on_both_kinds_of_addresses(tmp_path, host):
    upstream = Upstream()
    upstream.answers["GET", f"{API}/version"] = Answer.json(VERSION)
    try:
        with process(tmp_path, upstream, encrypted=False) as running:
            probe = f"http://{host}:{running.health_port}/readyz"
            eventually(lambda: requests.get(probe, timeout=5).ok, "the probe is answered")
            asked = f"http://{host}:{running.port}/version"
            answer = requests.get(asked, headers=running.headers, timeout=5)
            assert answer.json() == VERSION
    finally:
        upstream.close()
