"""A pod network of bridges: one bridge per node, fixed addresses, and routes between the nodes.

The network enforces no NetworkPolicies; kube-router's policy controller does.
"""

import json

from devcluster.builds import Binaries
from devcluster.layout import MAX_NODES, Layout
from devcluster.packages import tool_environment
from devcluster.parts import KUBE_ROUTER
from devcluster.services import Service
from devcluster.shell import run

#: Packets between pods of one node pass iptables only with this setting of the node's namespace.
FILTER = "/proc/sys/net/bridge/bridge-nf-call-iptables"


def cni_config(layout: Layout, number: int) -> str:
    """Return the CNI configuration of node ``number``.

    The bridge plugin must not hide the pods' addresses from other nodes (``ipMasq``), because the
    policies select pods by their addresses. The pods have no IPv6: kube-router filters the
    cluster's own family of addresses, and every pod would reach all pods of its bridge by
    link-local addresses.
    """
    subnet = layout.node_pod_cidr(number)
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": subnet}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "/run/cni-ipam",
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    no_ipv6 = {"type": "tuning", "sysctl": {"net.ipv6.conf.all.disable_ipv6": "1"}}
    plugins = [bridge, ports, no_ipv6]
    return json.dumps({"cniVersion": "0.4.0", "name": "cbr0", "plugins": plugins}, indent=1)


def routes(layout: Layout, number: int) -> str:
    """Return commands of ``ip -batch`` for the routes from node ``number`` to all other nodes."""
    others = [other for other in range(1, MAX_NODES + 1) if other != number]
    return "".join(
        f"route add {layout.node_pod_cidr(other)} via {layout.node_ip(other)}\n" for other in others
    )


def masquerade(layout: Layout, number: int) -> list[str]:
    """Return the iptables command that gives packets to the outside the node's address."""
    sources = ["-s", layout.node_pod_cidr(number), "!", "-d", layout.pod_cidr]
    return ["iptables", "-t", "nat", "-A", "POSTROUTING", *sources, "-j", "MASQUERADE"]


def join(layout: Layout, number: int, pid: int) -> None:
    """Prepare node ``number``, whose process 1 is ``pid``, for pods.

    Raises:
        CommandError: a command failed.
    """
    config = layout.node_dir(number) / "cni" / "10-bridge.conflist"
    config.write_text(cni_config(layout, number))
    inside = ["nsenter", "-t", str(pid), "-n"]
    run([*inside, "ip", "-batch", "-"], stdin=routes(layout, number))
    run([*inside, *masquerade(layout, number)], env={"PATH": tool_environment()})
    run([*inside, "sh", "-c", f"echo 1 > {FILTER}"])


def kube_router(layout: Layout, number: int, binaries: Binaries) -> Service:
    """Return the service of kube-router, restricted to NetworkPolicies.

    kube-router ends, and is started again, until the kubelet has told the API the node's address.
    """
    argv = (
        str(binaries.folder(KUBE_ROUTER) / "kube-router"),
        "--run-router=false",
        "--run-service-proxy=false",
        "--run-firewall=true",
        "--run-loadbalancer=false",
        "--enable-cni=false",
        f"--kubeconfig={layout.kubeconfig}",
        f"--hostname-override={layout.node_name(number)}",
        f"--service-cluster-ip-range={layout.service_cidr}",
        "--iptables-sync-period=5m",
        "--health-port=0",
    )
    return Service("kube-router", argv)
