"""The profile ``k3s``: the parts of which k3s is made.

k3s itself is not available as a Go module. Its policy controller is a copy of kube-router's. The
controller learns of a pod's address after the pod has started, so a pod without further protection
has a way out in its first second.
"""

from collections.abc import Sequence
from pathlib import Path

from devcluster import bridge_network, packages
from devcluster.builds import Binaries
from devcluster.kube import Api
from devcluster.layout import Layout
from devcluster.parts import KINE, KUBE_ROUTER
from devcluster.profiles.base import COMMON_PARTS, Profile
from devcluster.services import Datastore, Service


class K3s(Profile):
    """kine on SQLite, bridges, kube-router's policies."""

    name = "k3s"
    parts = (*COMMON_PARTS, KUBE_ROUTER, KINE)
    packages = packages.COMMON_PACKAGES
    network_service = "kube-router"
    needs_bridge_filter = True
    enforces_policies_at_once = False

    def datastore(self, layout: Layout, binaries: Binaries) -> Datastore:
        """Return kine with a SQLite file; only root may enter the state folder with the socket."""
        folder = layout.node_dir(1)
        socket = f"unix://{folder}/kine.sock"
        options = "_journal=WAL&cache=shared&_busy_timeout=30000&_txlock=immediate"
        argv = (
            str(binaries.folder(KINE) / "kine"),
            f"--listen-address={socket}",
            "--metrics-bind-address=0",
            f"--endpoint=sqlite://{folder}/kine.db?{options}",
        )
        return Datastore(Service("kine", argv), (f"--etcd-servers={socket}",))

    def plugins(self, folder: Path, binaries: Binaries) -> Path:
        """Return the folder of Debian's plugins."""
        return packages.cni_folder()

    def join(self, layout: Layout, number: int, pid: int) -> None:
        """Give the node its pods' addresses, and routes to the pods of other nodes."""
        bridge_network.join(layout, number, pid)

    def announce(self, api: Api, layout: Layout, number: int) -> None:
        """Make the Node object with the addresses of its pods.

        The controller manager assigns addresses to nodes without any, in an order of its own.
        """
        addresses = layout.node_pod_cidr(number)
        api.apply(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": layout.node_name(number)},
                "spec": {"podCIDR": addresses, "podCIDRs": [addresses]},
            }
        )

    def control_services(self, layout: Layout, binaries: Binaries) -> Sequence[Service]:
        """Return no service: kube-router has no central part."""
        return ()

    def node_services(self, layout: Layout, number: int, binaries: Binaries) -> Sequence[Service]:
        """Return kube-router."""
        return [bridge_network.kube_router(layout, number, binaries)]
