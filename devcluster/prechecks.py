"""Requirements of a machine, checked before any change.

``gather`` collects facts, and ``problems`` judges the facts without side effects, which allows
tests of the judgement without a broken machine.
"""

import ipaddress
import json
import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from devcluster import bridge_network, builds, cgroups, packages, profiles, versions
from devcluster.errors import CommandError, PrecheckError
from devcluster.layout import Layout
from devcluster.profiles.base import Profile
from devcluster.shell import run, succeeds

#: GiB of free disk space for the first build (sources, compiler caches, programs), and afterwards.
COLD_GIB = 12.0
WARM_GIB = 2.0
MACHINES = ("x86_64", "aarch64", "arm64")
_NAMESPACES = ("mnt", "net", "pid", "uts", "ipc")
_UNSHARE = ("unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork")
#: Programs of Debian's essential packages, which no package list names.
_ESSENTIAL = ("unshare", "nsenter", "setsid", "mount", "umount", "cp", "chmod")


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a machine.

    Args:
        uid: effective user id.
        system: as ``Linux``.
        machine: as ``x86_64``.
        filesystems: file system types of the kernel.
        namespaces: namespace types of the kernel.
        controllers: cgroup controllers in use.
        can_unshare: whether new namespaces can be made.
        can_link: whether a bridge and a veth pair can be made.
        can_mount_bpf: whether the BPF file system can be mounted.
        free_gib: free disk space for caches and state, the lower of both, in GiB.
        needed_gib: the needed disk space, in GiB.
        networks: (network, link) of each route on this machine.
        missing: missing essential programs.
        can_filter_bridges: whether iptables can see the packets on a bridge.
    """

    uid: int
    system: str
    machine: str
    filesystems: frozenset[str]
    namespaces: frozenset[str]
    controllers: frozenset[str]
    can_unshare: bool
    can_link: bool
    can_mount_bpf: bool
    free_gib: float
    needed_gib: float
    networks: tuple[tuple[str, str], ...]
    missing: tuple[str, ...] = ()
    can_filter_bridges: bool = True


@dataclass(frozen=True, slots=True)
class Problem:
    """A missing requirement, its reason, and the remedy."""

    what: str
    why: str
    remedy: str

    def text(self) -> str:
        """Return the text for the user."""
        return f"{self.what}\n  needed: {self.why}\n  remedy: {self.remedy}"


def check(layout: Layout, profile: Profile) -> None:
    """Check this machine for a cluster with this profile.

    Raises:
        PrecheckError: requirements are missing; the message lists all of them.
    """
    if platform.system() != "Linux" or os.geteuid() != 0:
        found = problems(_basic(), layout, profile)
    else:
        found = problems(gather(layout, profile), layout, profile)
    if found:
        raise PrecheckError("\n".join(problem.text() for problem in found))


def problems(facts: Facts, layout: Layout, profile: Profile = profiles.DEFAULT) -> list[Problem]:
    """Return each problem in the facts that prevents a cluster."""
    basic = _identity_problems(facts)
    if basic:
        return basic
    found = [*_kernel_problems(facts), *_room_problems(facts), *_address_problems(facts, layout)]
    if profile.needs_bridge_filter and not facts.can_filter_bridges:
        what = "iptables does not see the packets on a bridge"
        why = "NetworkPolicies between pods of one node are enforced there"
        found.append(Problem(what, why, "modprobe br_netfilter, or use the profile default"))
    return found


def gather(layout: Layout, profile: Profile) -> Facts:
    """Collect facts of this machine without a change: trials end with their namespaces."""
    located = builds.located()
    cold = any(not located.folder(part).exists() for part in profile.parts)
    link = "ip link add name va type veth peer name vb && ip link add name br type bridge"
    has_ip = shutil.which("ip", path=packages.tool_environment()) is not None
    return Facts(
        uid=os.geteuid(),
        system=platform.system(),
        machine=platform.machine(),
        filesystems=frozenset(Path("/proc/filesystems").read_text().split()),
        namespaces=frozenset(path.name for path in Path("/proc/self/ns").iterdir()),
        controllers=_controllers(),
        can_unshare=succeeds([*_UNSHARE, "true"]),
        can_link=not has_ip or succeeds(["unshare", "--net", "sh", "-c", link]),
        can_mount_bpf=succeeds(["unshare", "--mount", "mount", "-t", "bpf", "bpf", "/sys/fs/bpf"]),
        free_gib=min(_free_gib(versions.cache_root()), _free_gib(layout.state_dir)),
        needed_gib=COLD_GIB if cold else WARM_GIB,
        networks=_networks() if has_ip else (),
        missing=tuple(name for name in _ESSENTIAL if shutil.which(name) is None),
        can_filter_bridges=succeeds(["unshare", "--net", "test", "-e", bridge_network.FILTER]),
    )


def _basic() -> Facts:
    """Return the facts of a machine that allows no closer check."""
    system, machine = platform.system(), platform.machine()
    uid = os.geteuid() if hasattr(os, "geteuid") else 1
    none: frozenset[str] = frozenset()
    return Facts(uid, system, machine, none, none, none, False, False, False, 0, 0, ())  # noqa: FBT003


def _identity_problems(facts: Facts) -> list[Problem]:
    found = []
    if facts.system != "Linux":
        remedy = (
            "use a Linux machine or virtual machine, or an existing cluster (CONTEXT=, REGISTRY=)"
        )
        found.append(
            Problem(f"this is {facts.system}", "nodes are made of Linux namespaces", remedy)
        )
    elif facts.uid != 0:
        why = "namespaces, mounts and network links can be made by root only"
        found.append(Problem("not root", why, f"sudo {Path(sys.executable).name} -m devcluster …"))
    if facts.machine not in MACHINES:
        why = "the programs are built and tried for x86_64 and arm64"
        found.append(Problem(f"a {facts.machine} processor", why, "use such a machine"))
    return found


def _kernel_problems(facts: Facts) -> list[Problem]:
    found = []
    kernel = (
        "use a kernel that has it (Debian's and Ubuntu's do); in a container: run it privileged"
    )
    missing = [name for name in _NAMESPACES if name not in facts.namespaces]
    if missing or not facts.can_unshare:
        what = f"no {', '.join(missing)} namespaces" if missing else "namespaces may not be made"
        found.append(Problem(what, "each node is a set of namespaces", kernel))
    for name, why in (
        ("overlay", "containers' file systems are overlays"),
        ("bpf", "cilium keeps its programs there"),
        ("tmpfs", "each node has its own /run"),
    ):
        if name not in facts.filesystems:
            found.append(Problem(f"no {name} file system", why, f"modprobe {name}, or {kernel}"))
    if "bpf" in facts.filesystems and not facts.can_mount_bpf:
        found.append(Problem("the bpf file system cannot be mounted", "cilium needs it", kernel))
    if facts.can_unshare and not facts.can_link:
        remedy = f"modprobe veth bridge, or {kernel}"
        found.append(Problem("no veth or bridge links", "they join the nodes", remedy))
    absent = [name for name in cgroups.NEEDED if name not in facts.controllers]
    if absent:
        what = f"control group controllers not available: {', '.join(absent)}"
        remedy = "mount them (package cgroupfs-mount), or in a container: run it privileged"
        found.append(Problem(what, "the kubelet limits pods with them", remedy))
    if facts.missing:
        what = f"missing programs: {', '.join(facts.missing)}"
        found.append(
            Problem(what, "they make the nodes", "install util-linux, mount and coreutils")
        )
    return found


def _room_problems(facts: Facts) -> list[Problem]:
    if facts.free_gib >= facts.needed_gib:
        return []
    what = f"{facts.free_gib:.1f} GiB of disk are free, {facts.needed_gib:.0f} are needed"
    remedy = "make room, or put the caches elsewhere with XDG_CACHE_HOME"
    return [Problem(what, "sources, compiler caches, programs and images", remedy)]


def _address_problems(facts: Facts, layout: Layout) -> list[Problem]:
    found = []
    wanted = (layout.node_network, layout.pod_cidr, layout.service_cidr, f"{layout.outside_ip}/32")
    for own in map(ipaddress.ip_network, wanted):
        for text, link in facts.networks:
            other = ipaddress.ip_network(text, strict=False)
            if (
                link != layout.name
                and isinstance(other, ipaddress.IPv4Network)
                and own.overlaps(other)
            ):
                remedy = "use another instance (--index 1 to 9), or remove that route"
                what = f"the network {own} is already in use here: {text} on {link}"
                found.append(Problem(what, "the cluster's addresses must be free", remedy))
    return found


def _controllers() -> frozenset[str]:
    """Return the controllers of mounted v1 hierarchies, and of v2."""
    found: set[str] = set()
    for place, kind in cgroups.hierarchies(Path("/proc/self/mountinfo").read_text()).items():
        if kind == "cgroup":
            found.update(Path(place).name.split(","))
        elif (Path(place) / "cgroup.controllers").exists():
            found.update((Path(place) / "cgroup.controllers").read_text().split())
    return frozenset(found)


def _free_gib(path: Path) -> float:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free / 2**30


def _networks() -> tuple[tuple[str, str], ...]:
    """Return the (network, link) pairs of this machine's IPv4 routes without default routes."""
    try:
        routes = json.loads(run(["ip", "-4", "-json", "route", "show", "table", "all"]) or "[]")
    except (CommandError, ValueError):
        return ()
    return tuple(
        (route["dst"], route.get("dev", "?"))
        for route in routes
        if re.match(r"\d+\.\d+\.\d+\.\d+", route.get("dst", ""))
    )
