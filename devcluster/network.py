"""The node network: a bridge in its own namespace, one link to the host, one to each node."""

import sys
from pathlib import Path

from devcluster import processes
from devcluster.layout import Layout
from devcluster.shell import run, succeeds, wait_until
from devcluster.versions import REPO_ROOT

SWITCH = "switch"
#: Where clouds give a machine its keys; here the outside answers, so that walls can be tried.
METADATA_IP = "169.254.169.254"
_BRIDGE = "br0"
#: Seconds to wait for a process that only needs to be scheduled.
_SOON = 15.0


def up(layout: Layout) -> None:
    """Make the bridge, the host's link to it, the nodes' gateway and the outside server.

    Raises:
        DevClusterError: a step failed.
    """
    served = [layout.outside_ip, METADATA_IP]
    argv = ["unshare", "--net", sys.executable, "-m", "devcluster.outside", *served]
    env = {"PYTHONPATH": str(REPO_ROOT)}
    processes.start(layout.name, SWITCH, argv, layout.log_dir / "outside.log", env)
    wait_until(lambda: _switch(layout) is not None, _SOON, "the switch's namespace")
    pid = str(_switch(layout))
    ip = ["ip", "link", "add", layout.name, "type", "veth", "peer", "name", "host", "netns", pid]
    run(ip)
    commands = (
        f"link add {_BRIDGE} type bridge",
        f"link set host master {_BRIDGE} up",
        f"addr add {layout.gateway_ip}/24 dev {_BRIDGE}",
        *(f"addr add {address}/32 dev lo" for address in served),
        "link set lo up",
        f"link set {_BRIDGE} up",
    )
    run(["nsenter", "-t", pid, "-n", "ip", "-batch", "-"], stdin="\n".join(commands) + "\n")
    run(["ip", "addr", "add", f"{layout.host_ip}/24", "dev", layout.name])
    run(["ip", "link", "set", layout.name, "up"])


def join(layout: Layout, number: int, pid: int) -> None:
    """Give node ``number`` its ``eth0`` on the bridge; ``pid`` is the node's process 1."""
    switch, node = str(_switch(layout)), str(pid)
    name = layout.node_name(number)
    # Made inside the switch's namespace, because the host must not see the name even for a moment.
    add = f"link add {name} type veth peer name eth0 netns /proc/{node}/ns/net"
    inside = ["nsenter", "-t", switch, "-n", "ip"]
    run([*inside, *add.split()])
    run([*inside, "link", "set", name, "master", _BRIDGE, "up"])
    commands = (
        "link set lo up",
        f"addr add {layout.node_ip(number)}/24 dev eth0",
        "link set eth0 up",
        f"route add default via {layout.gateway_ip}",
    )
    run(["nsenter", "-t", node, "-n", "ip", "-batch", "-"], stdin="\n".join(commands) + "\n")


def down(layout: Layout) -> None:
    """Remove the host's link; the bridge ends with the switch's process."""
    # The kernel removes a namespace, and its links, some time after the namespace's last process.
    # The link may vanish between check and deletion, so only the outcome counts.
    if link_exists(layout):
        succeeds(["ip", "link", "del", layout.name])
    wait_until(lambda: not link_exists(layout), _SOON, f"the link {layout.name} gone")


def link_exists(layout: Layout) -> bool:
    """Return whether the host has this instance's link."""
    return succeeds(["ip", "link", "show", layout.name])


def _switch(layout: Layout) -> int | None:
    """Return the id of the process in the switch's namespace; None until the process is there."""
    found = processes.find(layout.name, SWITCH)
    own = _network_namespace("self")
    return next((p.pid for p in found if _network_namespace(str(p.pid)) not in (own, "")), None)


def _network_namespace(pid: str) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return ""
