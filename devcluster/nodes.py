"""Cluster nodes from the host's side: make, start services, query, remove."""

import json
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from devcluster import cgroups, network, processes
from devcluster.errors import DevClusterError
from devcluster.layout import STATE_ROOT, Layout
from devcluster.node_init import SOCKET, Spec
from devcluster.shell import tail, wait_until
from devcluster.versions import REPO_ROOT

#: Host folders that a node covers with its own folders. The host folders must exist to be covered:
#: two kubelets with one /var/log/containers remove each other's links.
COVERED = ("/var/lib/kubelet", "/var/lib/cni", "/var/log/containers")
_MADE = STATE_ROOT / "made-mount-points"
_SOON = 20.0


def make(layout: Layout, number: int) -> int:
    """Make node ``number``: folders, cgroup, namespaces and network, but no service yet.

    Returns:
        The id of the node's process 1.

    Raises:
        DevClusterError: its process 1 did not start; the message ends with its log.
    """
    folder = layout.node_dir(number)
    name = layout.node_name(number)
    binds = tuple((str(folder / "var" / Path(p).name), p) for p in COVERED)
    for path in (*(Path(own) for own, _ in binds), folder / "log", folder / "pods", folder / "cni"):
        path.mkdir(parents=True, exist_ok=True)
    # No name server: pods use CoreDNS, and the node itself needs no names.
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    _make_mount_points()
    cgroups.make(layout, number)
    spec = Spec(name, str(folder), binds)
    namespaces = ["unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork"]
    argv = [
        *namespaces,
        "--mount-proc",
        "--kill-child",
        sys.executable,
        "-m",
        "devcluster.node_init",
    ]
    log = folder / "log" / "init.log"
    env = {"PYTHONPATH": str(REPO_ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    processes.start(layout.name, name, [*argv, spec.text()], log, env)
    try:
        wait_until((folder / SOCKET).exists, _SOON, f"{name}'s first process", every=0.02)
    except DevClusterError as error:
        raise DevClusterError(f"{error}\n{tail(log)}\nwhole log: {log}") from error
    pid = processes.init_of(layout.name, name)
    if pid is None:
        raise DevClusterError(f"{name} ended at once\n{tail(log)}\nwhole log: {log}")
    network.join(layout, number, pid)
    return pid


def start(
    layout: Layout, number: int, service: str, argv: Sequence[str | Path], env: Mapping[str, str]
) -> None:
    """Start a service in a node, unless the service exists already."""
    log = layout.node_dir(number) / "log" / f"{service}.log"
    wish = {"name": service, "argv": [str(a) for a in argv], "env": dict(env), "log": str(log)}
    ask(layout, number, {"start": wish})


def ask(layout: Layout, number: int, request: Mapping[str, Any]) -> dict[str, Any]:
    """Send a request to a node's process 1 (see node_init); return its services, pids, restarts.

    Raises:
        DevClusterError: the node does not respond, or refused the request.
    """
    path = layout.node_dir(number) / SOCKET
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile("rb").readline())
    except (OSError, ValueError) as error:
        raise DevClusterError(f"{layout.node_name(number)} does not answer: {error}") from error
    if "error" in answer:
        raise DevClusterError(f"{layout.node_name(number)} refused {request}: {answer['error']}")
    return answer


def existing(layout: Layout) -> list[int]:
    """Return the numbers of the nodes with a folder, running or not."""
    if not layout.state_dir.exists():
        return []
    names = [p.name for p in layout.state_dir.iterdir() if p.name.startswith("node")]
    return sorted(int(name.removeprefix("node")) for name in names)


def running(layout: Layout) -> list[int]:
    """Return the numbers of the nodes with a living process 1."""
    alive = {process.role for process in processes.find(layout.name) if process.is_init}
    return [number for number in existing(layout) if layout.node_name(number) in alive]


def remove(layout: Layout, number: int) -> None:
    """End one node and remove its cgroups and files."""
    processes.end(layout.name, layout.node_name(number))
    cgroups.remove(layout, number)
    shutil.rmtree(layout.node_dir(number), ignore_errors=True)


def remove_mount_points() -> None:
    """Remove the folders that were only made to be covered, if no instance is left.

    The folders must stay while another instance runs: deleting a folder removes the mounts on it in
    every namespace.
    """
    if not _MADE.exists() or any(path.is_dir() for path in STATE_ROOT.iterdir()):
        return
    for place in _MADE.read_text().splitlines():
        if Path(place).is_dir() and not any(Path(place).iterdir()):
            Path(place).rmdir()
    _MADE.unlink()


def _make_mount_points() -> None:
    for place in COVERED:
        if not Path(place).exists():
            with _MADE.open("a") as record:
                record.write(f"{place}\n")
            Path(place).mkdir(parents=True)
