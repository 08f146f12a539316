"""Debian packages: find missing packages, check for removals, install.

Packages must not start services on the host: while apt runs, a policy-rc.d that forbids service
starts replaces the machine's own file, if any; afterwards the machine's file is restored.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster import versions
from devcluster.console import Console
from devcluster.errors import PrecheckError
from devcluster.shell import run, succeeds

POLICY = Path("/usr/sbin/policy-rc.d")
#: Folders of system tools that PATH of a login shell may lack.
TOOL_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
#: Packages with a service of the same name, which must not run on the host.
_SERVICES = {"docker-registry"}
CLANG_VERSIONS = (16, 15, 17, 14, 18, 19)


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package and the signs of its presence, or of an equivalent's.

    Args:
        name: the package.
        shown_by: commands or absolute paths, any one of which is enough.
    """

    name: str
    shown_by: tuple[str, ...]


#: Packages that every cluster needs; the last four to build programs that contain C code.
COMMON_PACKAGES = (
    Package("containernetworking-plugins", ("/usr/lib/cni/loopback", "/opt/cni/bin/loopback")),
    Package("docker-registry", ("docker-registry",)),
    Package("iptables", ("iptables",)),
    Package("ipset", ("ipset",)),
    Package("iproute2", ("ip",)),
    Package("openssl", ("openssl",)),
    Package("gcc", ("gcc",)),
    Package("libc6-dev", ("/usr/include/stdio.h",)),
    Package("libseccomp-dev", ("/usr/include/seccomp.h",)),
    Package("pkg-config", ("pkg-config",)),
)
IMAGE_PACKAGES = (
    Package("buildah", ("buildah",)),
    Package("mmdebstrap", ("mmdebstrap",)),
)


def tool_environment() -> str:
    """Return PATH with the folders of system tools in it."""
    return os.environ.get("PATH", "") + ":" + TOOL_PATH


def clang_dir() -> Path | None:
    """Return the folder of a clang that can compile cilium's datapath, or None."""
    for version in CLANG_VERSIONS:
        folder = Path(f"/usr/lib/llvm-{version}/bin")
        if (folder / "clang").exists() and (folder / "llc").exists():
            return folder
    return None


def cni_folder() -> Path:
    """Return the folder of the machine's CNI plugins."""
    places = [Path("/usr/lib/cni"), Path("/opt/cni/bin")]
    return next((place for place in places if (place / "loopback").exists()), places[0])


def missing(wanted: Sequence[Package]) -> list[str]:
    """Return the names of those packages of ``wanted`` without any sign on the machine."""
    path = tool_environment()
    return [
        package.name
        for package in wanted
        if not any(_present(sign, path) for sign in package.shown_by)
    ]


def missing_clang() -> list[str]:
    """Return the names of the packages of a clang for cilium; none if the machine has one."""
    if clang_dir() is not None:
        return []
    version = next((v for v in CLANG_VERSIONS if _available(f"clang-{v}")), CLANG_VERSIONS[0])
    return [f"clang-{version}", f"llvm-{version}"]


def removals(simulation: str) -> list[str]:
    """Return the packages that an ``apt-get -s`` output would remove."""
    return re.findall(r"^Remv (\S+)", simulation, flags=re.MULTILINE)


def check(names: Sequence[str]) -> None:
    """Check that apt can install ``names`` without removing other packages.

    Raises:
        PrecheckError: there is no apt, a package is unknown, or apt would remove a package.
    """
    if not names:
        return
    if shutil.which("apt-get") is None:
        raise PrecheckError(
            f"missing programs: {', '.join(names)} (named as Debian packages)\n"
            "  needed: a registry, network tools, and compilers for programs of the cluster\n"
            "  remedy: install them with this system's package manager, then run this again"
        )
    if not all(_available(name) for name in names):
        run(["apt-get", "update", "-qq"], timeout=300)
    unknown = [name for name in names if not _available(name)]
    if unknown:
        raise PrecheckError(
            f"packages that apt does not know: {', '.join(unknown)}\n"
            "  needed: parts of the cluster that are not built from source\n"
            "  remedy: enable this distribution's main (on Ubuntu also universe) archive"
        )
    gone = removals(run(_apt("-s", names)))
    if gone:
        raise PrecheckError(
            f"installing {', '.join(names)} would remove {', '.join(gone)}\n"
            "  why this stops: nothing of yours is removed\n"
            f"  remedy: install by hand what fits beside {gone[0]}, then run this again"
        )


def install(names: Sequence[str], console: Console) -> None:
    """Install packages without starting any service.

    Raises:
        CommandError: apt failed; the message has the end of its log.
    """
    if not names:
        return
    log = versions.cache_root() / "log" / "apt.log"
    with console.step(f"installing from Debian: {' '.join(names)}"), _no_services():
        run(_apt("-y", names), log=log, env={"DEBIAN_FRONTEND": "noninteractive"}, timeout=900)
        for unit in _SERVICES & set(names):
            # The package enables its service, which would otherwise start at the next boot.
            succeeds(["systemctl", "disable", unit])


def _apt(mode: str, names: Sequence[str]) -> list[str]:
    return ["apt-get", mode, "-q", "install", "--no-install-recommends", *names]


def _available(name: str) -> bool:
    policy = run(["apt-cache", "policy", name]) if shutil.which("apt-cache") else ""
    return "Candidate:" in policy and "Candidate: (none)" not in policy


def _present(sign: str, path: str) -> bool:
    if sign.startswith("/"):
        return Path(sign).exists()
    return shutil.which(sign, path=path) is not None


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """Forbid service starts by package scripts, and restore the machine's policy afterwards."""
    kept = POLICY.with_name("policy-rc.d.v6-devcluster")
    # A command killed at this point left the machine's own file under the other name.
    if POLICY.exists() and not kept.exists():
        POLICY.rename(kept)
    POLICY.write_text("#!/bin/sh\n# made by v6-devcluster while it installs packages\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
        if kept.exists():
            kept.rename(POLICY)
