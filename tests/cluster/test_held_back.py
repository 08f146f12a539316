"""A deployed node starts no run while its walls are missing, changed or widened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from devstation import DummyStation, wait_for
from devstation.cluster import Object
from node_poc.manifests import identity
from tests.cluster.side_station import Listener
from tests.cluster.station import NAMESPACE

# The promise: a change is noticed within this time.
NOTICED_SECONDS = 60.0
ASK_READYZ = (
    "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8081); c.request('GET', '/readyz');"
    "a = c.getresponse(); print(a.status, a.read().decode())"
)
WAY_OUT = {"policyTypes": ["Egress"], "egress": [{}]}


def readyz(station: DummyStation) -> str:
    """Return status and text of the node's ``/readyz``, asked inside the pod: others may not."""
    return station.kubectl("exec", "deployment/v6-node", "--", "python", "-c", ASK_READYZ)


def is_ready(station: DummyStation) -> bool:
    (node,) = [each for each in station.get("deployments") if each["metadata"]["name"] == "v6-node"]
    return bool(node["status"].get("readyReplicas"))


def walls(station: DummyStation) -> list[Object]:
    return [item for item in station.objects() if item["kind"] == "NetworkPolicy"]


def foreign(name: str, selector: Object) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"podSelector": selector, **WAY_OUT},
    }


@contextmanager
def removed(station: DummyStation) -> Iterator[str]:
    """Remove the policy that closes all ways."""
    (closing,) = [each for each in walls(station) if each["metadata"]["name"] == "v6-algorithms"]
    station.cluster.delete(closing)
    yield "NetworkPolicy v6-algorithms is missing"
    station.cluster.apply(closing)


@contextmanager
def widened(station: DummyStation) -> Iterator[str]:
    """Add a policy that opens every way out of every pod."""
    policy = foreign("everything", {})
    station.cluster.apply(policy)
    yield "NetworkPolicy everything opens egress for algorithms"
    station.cluster.delete(policy)


@contextmanager
def edited(station: DummyStation) -> Iterator[str]:
    """Let everybody in, which ``kubectl apply`` does not take back: follow the node's remedy."""
    name = "v6-algorithms"
    station.kubectl("patch", "networkpolicy", name, "-p", '{"spec": {"ingress": [{}]}}')
    yield f"NetworkPolicy {name} was changed (ingress)"
    station.cluster.apply(*walls(station))
    assert f"NetworkPolicy {name} was changed" in readyz(station)
    station.kubectl("delete", "networkpolicy", name)
    station.cluster.apply(*walls(station))


@pytest.mark.parametrize("tamper", [removed, widened, edited])
def test_a_run_waits_until_the_walls_are_right_again(
    station: DummyStation, tamper: Callable[[DummyStation], AbstractContextManager[str]]
):
    with Listener(station) as listener:
        with tamper(station) as told:
            wait_for(lambda: told in readyz(station), told, NOTICED_SECONDS)
            run_id = listener.post("walls", *("/app/input/csv/default", "Age", "/app/output/avg"))
            assert listener.status(run_id, "WallsNotUp")["status"] == "pending"
            assert "no run is started" in readyz(station)
            wait_for(lambda: not is_ready(station), "the Deployment is not ready")
            assert station.job_of(run_id) is None
        assert listener.result(run_id)["status"] == "completed"
        assert "NetworkPolicy" not in readyz(station)
    wait_for(lambda: is_ready(station), "the Deployment is ready again")


def test_policies_that_open_nothing_for_algorithms_hold_no_run_back(station: DummyStation):
    apart = {"key": identity.LABEL_COMPONENT, "operator": "NotIn", "values": ["algorithm"]}
    harmless = foreign("for-the-others", {"matchExpressions": [apart]})
    closing = foreign("close-all", {}) | {"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
    station.cluster.apply(harmless, closing)
    try:
        assert station.run(station.payload())["status"] == "completed"
        assert "NetworkPolicy" not in readyz(station)
    finally:
        station.cluster.delete(harmless, closing)
