"""``kubernetes.walls``: how the node makes sure of the NetworkPolicies around algorithms."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from node_poc.config.base import Choice, Strict

Port = Annotated[int, Field(ge=1, le=65535)]


class Walls(Strict):
    """The NetworkPolicies around algorithms."""

    required: bool = True
    """Whether the node starts runs only while its NetworkPolicies are as rendered and no other
    policy opens a way for algorithms. If not, new runs wait with cause `WallsNotUp`, and `/readyz`
    says why. With `false` the node only warns.

    Default: without its walls, an algorithm could send the data anywhere.
    """

    gate: Choice = "auto"
    """Whether each run starts behind a gate: an init container of the node's image, without data,
    that waits until the NetworkPolicies of the pod are in force. A run whose gate does not open
    within `gate_seconds` ends with cause `WallsNotUp`. With `auto` there is a gate unless the node
    has seen that the cluster applies policies before the first packet of a pod.

    Default: k3s and others apply policies up to a second after a pod's start, and never cut a
    connection that was made before.
    """

    gate_seconds: int = Field(default=180, ge=10, le=3600)
    """Longest time that a run waits behind its gate, in seconds.

    Default: k3s takes a second, but minutes on a machine that starts many pods at once.
    """

    self_test_hours: float | None = Field(default=24, gt=0)
    """Hours from a self-test of the walls to the next: pods with an algorithm's labels, but without
    data, try for ten seconds to get out. If a way stays open, the node starts no run. The node
    also tests at its first start, and again after a minute to an hour until a test has succeeded.
    Null: no self-test.

    Default: a cluster's network changes with updates only, and a test starts ten small pods.
    """

    own_egress: Literal["addresses", "ports", "open"] = "addresses"
    """The ways out of the node's and its proxy's own pods. `addresses`: the cluster's DNS, the API
    server (node only), and the ports of the server, of registries and of stores, at every address
    except those of a cloud's metadata. `ports`: the same ports without a condition on addresses,
    for Cilium if the server is on a machine of the cluster. `open`: every way.

    Default: node and proxy need nothing else. Further ways need a NetworkPolicy of your own.
    """

    own_ports: list[Port] = Field(default=[])
    """Further TCP ports on which the node calls out: of registries and stores that the
    configuration does not name.

    Default: 443 and the ports in `server_url`, `docker_registries`, `policies` and `images`.
    """

    api_ports: list[Port] = Field(default=[443, 6443, 16443], min_length=1)
    """The TCP ports of the API server, of its Service and on its machines. The node reaches these
    ports at every address, because an address block of Cilium covers no machine of the cluster.

    Default: the ports of Kubernetes, of most clouds, of k3s, of OpenShift and of MicroK8s.
    """

    self_test_addresses: list[str] = Field(default=[])
    """Further addresses that no algorithm may reach, for the self-test: `host:port` with TCP. The
    host `machine` is the machine of the pod, for example for the port of a NodePort Service.

    Default: the node itself finds the API server, the kubelet, DNS, the server, the cloud's
    metadata and other pods.
    """

    @field_validator("self_test_addresses")
    @classmethod
    def _addresses(cls, value: list[str]) -> list[str]:
        if not all(map(host_and_port, value)):
            raise ValueError("must be addresses such as 192.0.2.7:443 or machine:31000")
        return value


def host_and_port(text: str) -> tuple[str, int] | None:
    """Return host and port of an address such as ``host:443`` or ``[::1]:443``; None of others."""
    found = re.fullmatch(r"\[([0-9a-fA-F:.]+)\]:(\d{1,5})|([^\s:/\[\]]+):(\d{1,5})", text)
    if found is None:
        return None
    host, port = found[1] or found[3], int(found[2] or found[4])
    return (host, port) if 0 < port < 65536 else None
