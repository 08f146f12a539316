"""The container runtime of a node: Debian's containerd, or containerd 2 built from its module."""

from devcluster.builds import Binaries
from devcluster.layout import Layout
from devcluster.packages import tool_environment
from devcluster.parts import CONTAINERD, RUNC
from devcluster.services import Service


def debian(layout: Layout, number: int) -> Service:
    """Return the service of the machine's own containerd."""
    config = layout.node_dir(number) / "containerd.toml"
    return Service("containerd", ("containerd", f"--config={config}"))


def built(layout: Layout, number: int, binaries: Binaries) -> Service:
    """Return the service of the built containerd, which finds the built shim and runc on PATH."""
    folder = binaries.folder(CONTAINERD)
    config = layout.node_dir(number) / "containerd.toml"
    path = f"{folder}:{binaries.folder(RUNC)}:{tool_environment()}"
    return Service("containerd", (f"{folder}/containerd", f"--config={config}"), {"PATH": path})
