"""What the kinds of a dev cluster differ in."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devcluster import local_path, packages
from devcluster.builds import Binaries
from devcluster.kube import Api
from devcluster.layout import Layout
from devcluster.packages import Package
from devcluster.parts import (
    CONTAINERD,
    COREDNS,
    KUBERNETES,
    LOCAL_PATH,
    LOCAL_PATH_HELPER,
    PAUSE,
    RUNC,
    Part,
)
from devcluster.services import Datastore, Service


@dataclass(frozen=True, slots=True)
class ProgramImage:
    """An image of one program.

    Args:
        name: the image's name.
        part: the part of the program; its version is the image's tag.
    """

    name: str
    part: Part


#: The parts of every dev cluster.
COMMON_PARTS = (KUBERNETES, CONTAINERD, RUNC, COREDNS, PAUSE, LOCAL_PATH, LOCAL_PATH_HELPER)
#: The images of every dev cluster.
COMMON_IMAGES = (
    ProgramImage("pause", PAUSE),
    ProgramImage("coredns", COREDNS),
    ProgramImage(local_path.NAME, LOCAL_PATH),
    ProgramImage(local_path.HELPER, LOCAL_PATH_HELPER),
)


class Profile(ABC):
    """A kind of dev cluster: its programs, and the services that differ from the other kinds'.

    Kubernetes itself, containerd, CoreDNS, local-path-provisioner, the nodes' namespaces, the
    network between nodes and the registry are the same in every profile.

    Attributes:
        name: the value of ``--profile``.
        parts: the parts to build.
        packages: the Debian packages to install.
        images: the images to push before the first node starts.
        network_service: the service without which a node does not become Ready; its log explains
            why not.
        needs_bridge_filter: whether packets between pods of one node must pass iptables.
        enforces_policies_at_once: whether NetworkPolicies hold from a pod's first packet on.
        storage_classes: the names of the StorageClasses; the first is the default.
    """

    name: str
    parts: tuple[Part, ...]
    packages: tuple[Package, ...]
    images: tuple[ProgramImage, ...] = COMMON_IMAGES
    network_service: str
    needs_bridge_filter: bool
    enforces_policies_at_once: bool
    storage_classes: tuple[str, ...] = (local_path.STORAGE_CLASS,)

    def missing_packages(self) -> list[str]:
        """Return the names of the Debian packages that the machine lacks."""
        return packages.missing(self.packages)

    @abstractmethod
    def datastore(self, layout: Layout, binaries: Binaries) -> Datastore:
        """Return the service with the API server's data, and the API server's flags for it."""

    @abstractmethod
    def plugins(self, folder: Path, binaries: Binaries) -> Path:
        """Return the folder of CNI plugins, made if necessary in a node's ``folder``."""

    @abstractmethod
    def join(self, layout: Layout, number: int, pid: int) -> None:
        """Prepare the network of node ``number``, whose process 1 is ``pid``."""

    @abstractmethod
    def announce(self, api: Api, layout: Layout, number: int) -> None:
        """Prepare the API for node ``number``, before the node's kubelet starts."""

    @abstractmethod
    def control_services(self, layout: Layout, binaries: Binaries) -> Sequence[Service]:
        """Return the services of the first node beside Kubernetes' own."""

    @abstractmethod
    def node_services(self, layout: Layout, number: int, binaries: Binaries) -> Sequence[Service]:
        """Return the services of node ``number`` beside Kubernetes' own."""

    def objects(self, layout: Layout) -> Sequence[dict[str, Any]]:
        """Return the Kubernetes objects of a new cluster beside CoreDNS'."""
        return local_path.objects(layout)
