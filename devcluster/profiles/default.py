"""The profile ``default``: etcd, cilium and the machine's containerd."""

from collections.abc import Sequence
from pathlib import Path

from devcluster import cilium, packages, render, runtime, services
from devcluster.builds import Binaries
from devcluster.kube import Api
from devcluster.layout import Layout
from devcluster.packages import Package
from devcluster.parts import CILIUM, COREDNS, KUBERNETES, PAUSE
from devcluster.profiles.base import Profile
from devcluster.services import Datastore, Service


class Default(Profile):
    """etcd, cilium and the machine's own containerd."""

    name = "default"
    parts = (KUBERNETES, CILIUM, COREDNS, PAUSE)
    packages = (
        Package("containerd", ("containerd",)),
        Package("runc", ("runc",)),
        *packages.COMMON_PACKAGES,
        Package("bpftool", ("bpftool",)),
    )
    network_service = "cilium-agent"
    needs_bridge_filter = False
    enforces_policies_at_once = True
    has_user_namespaces = False

    def missing_packages(self) -> list[str]:
        """Return the names of the Debian packages that the machine lacks, a clang among them."""
        return [*super().missing_packages(), *packages.missing_clang()]

    def datastore(self, layout: Layout, binaries: Binaries) -> Datastore:
        """Return etcd."""
        return services.etcd(layout, binaries)

    def runtime(self, layout: Layout, number: int, binaries: Binaries) -> Service:
        """Return the machine's containerd."""
        return runtime.debian(layout, number)

    def runtime_config(
        self, folder: Path, plugins: Path, snapshotter: str, binaries: Binaries
    ) -> str:
        """Return containerd's configuration."""
        return render.containerd(folder, plugins, snapshotter)

    def plugins(self, folder: Path, binaries: Binaries) -> Path:
        """Return a folder with cilium's plugin and the plugin for ``lo``."""
        return cilium.plugin_folder(folder, binaries)

    def join(self, layout: Layout, number: int, pid: int) -> None:
        """Do nothing: cilium's agent makes the pod network."""

    def announce(self, api: Api, layout: Layout, number: int) -> None:
        """Do nothing: the controller manager gives each node addresses for its pods."""

    def control_services(self, layout: Layout, binaries: Binaries) -> Sequence[Service]:
        """Return cilium's operator."""
        return [cilium.operator(layout, binaries)]

    def node_services(self, layout: Layout, number: int, binaries: Binaries) -> Sequence[Service]:
        """Return cilium's agent."""
        clang = packages.clang_dir() or Path("/usr/bin")
        return [cilium.agent(layout, number, binaries, clang, packages.tool_environment())]
