"""Every name, address and folder of a cluster, derived from one number.

Two instances share nothing: a test can make and remove its own cluster (index 1) beside the cluster
that a person works with (index 0).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devcluster.errors import UsageError

#: Folder with one state folder per instance; removed with the last instance.
STATE_ROOT = Path("/var/lib/v6-devcluster")
NAME_PREFIX = "v6dev"
#: The registry in image names of manifests: kind's convention for a local registry. containerd's
#: hosts.toml maps the name to the registry's real address.
MANIFEST_REGISTRY = "localhost:5001"
#: The instance of each profile, unless the user chooses another instance.
PROFILE_INDEX = {"default": 0, "k3s": 2}
INDEX_VARIABLE = "DEVCLUSTER_INDEX"
PROFILE_VARIABLE = "DEVCLUSTER_PROFILE"
MAX_INDEX = 9
MAX_NODES = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """Names and addresses of instance number ``index`` (0 is the default cluster).

    Raises:
        UsageError: the index is outside of 0..9, and no addresses are reserved for it.
    """

    index: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAX_INDEX:
            raise UsageError(f"the instance index must be 0 to {MAX_INDEX}, not {self.index}")

    @classmethod
    def from_name(cls, name: str) -> "Layout":
        """Return the layout of the instance ``name``, as in ``v6dev1``."""
        match = re.fullmatch(rf"{NAME_PREFIX}(\d)", name)
        if match is None:
            raise UsageError(
                f"an instance is called {NAME_PREFIX}0 to {NAME_PREFIX}9, not {name!r}"
            )
        return cls(int(match[1]))

    @classmethod
    def chosen(cls, environment: Mapping[str, str]) -> "Layout":
        """Return the instance that the environment chooses, by its index or by its profile.

        Raises:
            UsageError: there is no such instance or profile.
        """
        index = environment.get(INDEX_VARIABLE, "")
        if index:
            if not index.isdecimal():
                raise UsageError(f"{INDEX_VARIABLE} must be 0 to {MAX_INDEX}, not {index!r}")
            return cls(int(index))
        profile = environment.get(PROFILE_VARIABLE) or "default"
        if profile not in PROFILE_INDEX:
            raise UsageError(f"a profile is one of {', '.join(PROFILE_INDEX)}, not {profile!r}")
        return cls(PROFILE_INDEX[profile])

    @property
    def name(self) -> str:
        """Name of the instance, of its link on the host and of its control group."""
        return f"{NAME_PREFIX}{self.index}"

    @property
    def host_ip(self) -> str:
        """The host's address on the node network, for the registry and servers on the host."""
        return f"172.30.{self.index}.1"

    @property
    def gateway_ip(self) -> str:
        """The nodes' default gateway, also for the outside address."""
        return f"172.30.{self.index}.254"

    @property
    def node_network(self) -> str:
        """The network that nodes, host and gateway share."""
        return f"172.30.{self.index}.0/24"

    @property
    def outside_ip(self) -> str:
        """The address of the simulated internet: in TEST-NET-2, and known only to this instance."""
        return f"198.51.100.{10 + self.index}"

    @property
    def outside(self) -> str:
        """The outside's ``address:port``; a small HTTP server there returns 200."""
        return f"{self.outside_ip}:80"

    @property
    def pod_cidr(self) -> str:
        """Addresses of pods; each node gets a /24."""
        return f"10.{42 + self.index}.0.0/16"

    def node_pod_cidr(self, number: int) -> str:
        """Return the addresses of the pods of node ``number``, where no other part assigns them."""
        return f"10.{42 + self.index}.{number - 1}.0/24"

    @property
    def service_cidr(self) -> str:
        """Addresses of services."""
        return f"10.{96 + self.index}.0.0/16"

    @property
    def api_service_ip(self) -> str:
        """Address of the Service ``kubernetes``, at which pods reach the API server."""
        return f"10.{96 + self.index}.0.1"

    @property
    def dns_ip(self) -> str:
        """Address of CoreDNS' Service."""
        return f"10.{96 + self.index}.0.10"

    @property
    def api_server(self) -> str:
        """URL of the API server for the host and the nodes."""
        return f"https://{self.node_ip(1)}:6443"

    @property
    def registry(self) -> str:
        """The registry's ``address:port`` for pushes from the host."""
        return f"{self.host_ip}:5001"

    @property
    def state_dir(self) -> Path:
        """Folder of all files outside the cache; ``down`` removes it."""
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
        """Logs of the processes outside of all nodes."""
        return self.state_dir / "log"

    def node_name(self, number: int) -> str:
        """Return the name of node ``number`` (from 1; the first is the control plane)."""
        return f"node{number}"

    def node_ip(self, number: int) -> str:
        """Return the address of node ``number`` (from 1).

        Raises:
            UsageError: a dev cluster cannot have this many nodes.
        """
        if not 1 <= number <= MAX_NODES:
            raise UsageError(f"a dev cluster has 1 to {MAX_NODES} nodes, not {number}")
        return f"172.30.{self.index}.{number + 1}"

    def node_dir(self, number: int) -> Path:
        """Return the state folder of node ``number``."""
        return self.state_dir / self.node_name(number)

    def node_cgroup(self, number: int) -> str:
        """Return the cgroup of node ``number``'s pods, relative to each hierarchy's root."""
        return f"/{self.name}/{self.node_name(number)}"
