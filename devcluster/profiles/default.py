"""The profile ``default``: etcd and cilium."""

from collections.abc import Sequence
from pathlib import Path

from devcluster import cilium, packages, services
from devcluster.builds import Binaries
from devcluster.kube import Api
from devcluster.layout import Layout
from devcluster.packages import Package
from devcluster.parts import CILIUM
from devcluster.profiles.base import COMMON_PARTS, Profile
from devcluster.services import Datastore, Service


class Default(Profile):
    """etcd and cilium."""

    name = "default"
    parts = (*COMMON_PARTS, CILIUM)
    packages = (*packages.COMMON_PACKAGES, Package("bpftool", ("bpftool",)))
    network_service = "cilium-agent"
    needs_bridge_filter = False
    enforces_policies_at_once = True

    def missing_packages(self) -> list[str]:
        """Return the names of the Debian packages that the machine lacks, a clang among them."""
        return [*super().missing_packages(), *packages.missing_clang()]

    def datastore(self, layout: Layout, binaries: Binaries) -> Datastore:
        """Return etcd."""
        return services.etcd(layout, binaries)

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
