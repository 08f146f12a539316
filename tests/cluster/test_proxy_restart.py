"""The proxy's address in the hosts file of algorithms stays valid when the proxy restarts."""

from __future__ import annotations

from devstation import DummyStation, wait_for
from tests.cluster.station import NAMESPACE


def proxy_pod(station: DummyStation) -> str:
    (pod,) = station.get("pods", "-l", "app.kubernetes.io/name=v6proxy")
    return str(pod["status"]["podIP"])


def test_proxy_is_reached_by_the_same_address_after_its_restart(station: DummyStation):
    before = proxy_pod(station)
    first = station.run(station.payload())
    station.cluster.kubectl(
        "-n", NAMESPACE, "delete", "pod", "-l", "app.kubernetes.io/name=v6proxy"
    )
    station.wait_ready()
    assert proxy_pod(station) != before
    second = station.run(station.payload())
    for result in (first, second):
        assert "v6proxy-subdomain.v6-jobs:8080 is reachable" in result["log"]


def test_proxy_has_no_kubernetes_rights_and_tells_that_outbound_works(station: DummyStation):
    (pod,) = station.get("pods", "-l", "app.kubernetes.io/name=v6proxy")
    assert pod["spec"]["automountServiceAccountToken"] is False
    logs = ("-n", NAMESPACE, "logs", "deployment/v6proxy")
    wait_for(
        lambda: "outbound traffic: enabled" in station.cluster.kubectl(*logs),
        "the proxy tells that outbound traffic works",
    )
