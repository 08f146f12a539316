"""Every name, address and folder of a cluster, derived from one number.

Two instances share nothing, so a test can make and remove its own cluster (index 1) beside the one
that somebody works with (index 0).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from devcluster.errors import UsageError

#: Folder that holds one folder of state per instance; gone when no instance is left.
STATE_ROOT = Path("/var/lib/v6-devcluster")
NAME_PREFIX = "v6dev"
#: How images are named in manifests. It is kind's convention for a local registry; containerd's
#: hosts.toml turns it into the registry's real address.
MANIFEST_REGISTRY = "localhost:5001"
MAX_INDEX = 9
MAX_NODES = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """Names and addresses of instance number `index` (0 is the default cluster).

    Raises:
        UsageError: the index is outside 0..9, for which no addresses are set aside.
    """

    index: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAX_INDEX:
            raise UsageError(f"the instance index must be 0 to {MAX_INDEX}, not {self.index}")

    @classmethod
    def from_name(cls, name: str) -> "Layout":
        """The layout of the instance called `name`, as in `v6dev1`."""
        match = re.fullmatch(rf"{NAME_PREFIX}(\d)", name)
        if match is None:
            raise UsageError(
                f"an instance is called {NAME_PREFIX}0 to {NAME_PREFIX}9, not {name!r}"
            )
        return cls(int(match[1]))

    @property
    def name(self) -> str:
        """Name of the instance, of its link on the host and of its control group."""
        return f"{NAME_PREFIX}{self.index}"

    @property
    def host_ip(self) -> str:
        """The host's address on the node network: the registry and host servers listen there."""
        return f"172.30.{self.index}.1"

    @property
    def gateway_ip(self) -> str:
        """The nodes' default gateway, which is also the way to the outside address."""
        return f"172.30.{self.index}.254"

    @property
    def node_network(self) -> str:
        """The network that nodes, host and gateway share."""
        return f"172.30.{self.index}.0/24"

    @property
    def outside_ip(self) -> str:
        """Stands for the internet: an address of TEST-NET-2 that only this instance knows."""
        return f"198.51.100.{10 + self.index}"

    @property
    def outside(self) -> str:
        """The outside's `address:port`, where a small HTTP server answers 200."""
        return f"{self.outside_ip}:80"

    @property
    def pod_cidr(self) -> str:
        """Addresses of pods; each node takes a /24 of it."""
        return f"10.{42 + self.index}.0.0/16"

    @property
    def service_cidr(self) -> str:
        """Addresses of services."""
        return f"10.{96 + self.index}.0.0/16"

    @property
    def api_service_ip(self) -> str:
        """The service `kubernetes`, by which pods reach the API server."""
        return f"10.{96 + self.index}.0.1"

    @property
    def dns_ip(self) -> str:
        """The service of CoreDNS."""
        return f"10.{96 + self.index}.0.10"

    @property
    def api_server(self) -> str:
        """URL of the API server, as reachable from the host and the nodes."""
        return f"https://{self.node_ip(1)}:6443"

    @property
    def registry(self) -> str:
        """The registry's `address:port`, to push to from the host."""
        return f"{self.host_ip}:5001"

    @property
    def state_dir(self) -> Path:
        """Everything this instance writes outside the cache; removed by `down`."""
        return STATE_ROOT / self.name

    @property
    def kubeconfig(self) -> Path:
        """The super-user's kubeconfig (mode 0600)."""
        return self.state_dir / "admin.conf"

    @property
    def pki_dir(self) -> Path:
        """Keys and certificates."""
        return self.state_dir / "pki"

    @property
    def log_dir(self) -> Path:
        """Logs of the processes that belong to no node."""
        return self.state_dir / "log"

    def node_name(self, number: int) -> str:
        """Name of node `number` (from 1; the first is the control plane)."""
        return f"node{number}"

    def node_ip(self, number: int) -> str:
        """Address of node `number` (from 1).

        Raises:
            UsageError: more nodes than this dev cluster is made for.
        """
        if not 1 <= number <= MAX_NODES:
            raise UsageError(f"a dev cluster has 1 to {MAX_NODES} nodes, not {number}")
        return f"172.30.{self.index}.{number + 1}"

    def node_dir(self, number: int) -> Path:
        """State of node `number`."""
        return self.state_dir / self.node_name(number)

    def node_cgroup(self, number: int) -> str:
        """Control group of the pods of node `number`, relative to each hierarchy's root."""
        return f"/{self.name}/{self.node_name(number)}"
