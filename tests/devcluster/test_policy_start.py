"""What pods under a NetworkPolicy reach in their first seconds, on each profile of the dev cluster.

On the profile ``default`` the policy holds from the first packet on. On ``k3s`` a pod has a way out
until kube-router knows the pod's address, and keeps the connections of that time: the known hole
that the node has to close.
"""

import json
from typing import Any

import pytest

from devcluster import profiles
from tests.devcluster.running import LAYOUT, apply, log_of_ended

pytestmark = [pytest.mark.cluster, pytest.mark.dev_cluster, pytest.mark.timeout(300)]
#: The length of the gap differs from pod to pod, and a pod may have none.
WALLED = [f"walled-{number}" for number in range(6)]
CONTROL = "control"
#: Tries a connection 20 times a second; at the end asks again over the first connection, if any.
PROBE = """
import http.client, json, sys, time
host, tries, first = sys.argv[1], [], None
began = time.monotonic()
while time.monotonic() - began < 5:
    connection = http.client.HTTPConnection(host, 80, timeout=0.3)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
        tries.append(True)
        first = first or connection
    except OSError:
        tries.append(False)
    time.sleep(0.05)
kept = False
if first is not None:
    try:
        first.request("GET", "/")
        kept = first.getresponse().status == 200
    except OSError:
        pass
print(json.dumps({"tries": tries, "kept": kept}))
"""
NO_WAY_OUT = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "no-way-out"},
    "spec": {"podSelector": {"matchLabels": {"walled": "yes"}}, "policyTypes": ["Egress"]},
}


def probe(image: str, name: str) -> dict[str, Any]:
    command = ["python3", "-c", PROBE, LAYOUT.outside_ip]
    container = {"name": "main", "image": image, "command": command}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"walled": "yes" if name in WALLED else "no"}},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }


def outcome(namespace: str, name: str) -> dict[str, Any]:
    """Return the outcome of each try of a pod, and whether its first connection still works."""
    found: dict[str, Any] = json.loads(log_of_ended(namespace, name))
    return found


def test_policies_hold_from_the_first_packet_or_have_the_known_hole(
    namespace: str, image: str
) -> None:
    apply(namespace, NO_WAY_OUT)
    apply(namespace, *(probe(image, name) for name in (CONTROL, *WALLED)))
    control = outcome(namespace, CONTROL)
    assert all(control["tries"]), "without a policy the outside must be reachable"
    assert control["kept"]

    seen = [outcome(namespace, name) for name in WALLED]
    assert not any(pod["tries"][-1] for pod in seen), "the policy is not enforced at all"
    got_out = [pod for pod in seen if any(pod["tries"])]
    if profiles.of(LAYOUT).enforces_policies_at_once:
        assert got_out == []
    else:
        # On a busy machine pods start later than their policies. test_late_walls.py needs the hole.
        assert all(pod["kept"] for pod in got_out), "connections of the first second are cut"
