"""The parts of a dev cluster that are built from Go modules, with pinned versions."""

import hashlib
import re
from dataclasses import dataclass, field

from devcluster import versions

MODULES = versions.PACKAGE_DIR / "gomod"
_K8S_VERSION = "k8s.io/component-base/version"
_CILIUM = "github.com/cilium/cilium"
_KUBE_ROUTER = "github.com/cloudnativelabs/kube-router/v2"
_CONTAINERD = "github.com/containerd/containerd/v2"
#: Where the patched cilium looks for the list of kernel modules. Unpatched cilium fails without
#: /proc/modules, as on a kernel built without loadable modules; node_init writes this file instead.
MODULES_FILE = "/run/v6-devcluster/modules"


@dataclass(frozen=True, slots=True)
class Patch:
    """A change of one file of a module, made in a copy of the module.

    Args:
        module: path of the module, whose version the part's go.mod has.
        file: path of the file in the module.
        old: text that the file must have.
        new: text in its place.
    """

    module: str
    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Part:
    """One ``go build``: a folder under gomod/, and the programs built from it.

    Args:
        name: folder under gomod/.
        version: the version known to users; part of the cache key.
        packages: Go packages to build.
        renames: (Go's file name, our name) pairs.
        ldflags: linker flags beside ``-s -w``.
        tags: build tags.
        cgo: whether the programs contain C code, which needs a C compiler.
        patch: a change of a module before the build.
        output: name of the part's only program, where Go's name belongs to another part, too.
    """

    name: str
    version: str
    packages: tuple[str, ...]
    renames: tuple[tuple[str, str], ...] = ()
    ldflags: str = ""
    tags: str = ""
    # Not in `repr`, which is part of the key: the field must not rename the other parts' folders.
    cgo: bool = field(default=False, repr=False)
    patch: Patch | None = field(default=None, repr=False)
    output: str = field(default="", repr=False)

    @property
    def programs(self) -> tuple[str, ...]:
        """Names of the programs when Go has built them."""
        if self.output:
            return (self.output,)
        return tuple(self.name if p == "." else _program(p) for p in self.packages)

    def key(self, machine: str) -> str:
        """Return the part's folder name in the cache: version, and hash of sources and flags."""
        digest = hashlib.sha256(repr(self).encode() + machine.encode())
        if self.patch is not None:
            digest.update(self.patch.new.encode())
        if self.cgo:
            digest.update(b"cgo")
        for source in sorted((MODULES / self.name).iterdir()):
            digest.update(source.name.encode() + source.read_bytes())
        return f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"


def _program(package: str) -> str:
    """Return Go's name for a package's program: its folder's name, or for ``v1`` its parent's."""
    *_, above, name = package.split("/")
    return above if re.fullmatch(r"v[0-9]+", name) else name


KUBERNETES = Part(
    "kubernetes",
    versions.KUBERNETES,
    (
        *(
            f"k8s.io/kubernetes/cmd/{program}"
            for program in (
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
                "kube-proxy",
                "kubelet",
                "kubectl",
            )
        ),
        "go.etcd.io/etcd/server/v3",
    ),
    renames=(("server", "etcd"),),
    # Without these values the programs report v0.0.0 and refuse each other for version skew.
    ldflags=(
        f"-X {_K8S_VERSION}.gitVersion=v{versions.KUBERNETES}"
        f" -X {_K8S_VERSION}.gitMajor=1 -X {_K8S_VERSION}.gitMinor=34"
    ),
)
CILIUM = Part(
    "cilium",
    versions.CILIUM,
    (f"{_CILIUM}/daemon", f"{_CILIUM}/operator", f"{_CILIUM}/plugins/cilium-cni"),
    renames=(("daemon", "cilium-agent"), ("operator", "cilium-operator")),
    ldflags=f"-X {_CILIUM}/pkg/version.ciliumVersion={versions.CILIUM}",
    tags="ipam_provider_operator",
    patch=Patch(
        _CILIUM, "pkg/datapath/linux/modules/modules_linux.go", "/proc/modules", MODULES_FILE
    ),
)
COREDNS = Part("coredns", versions.COREDNS, (".",))
PAUSE = Part("pause", versions.PAUSE, (".",))
KINE = Part(
    "kine",
    versions.KINE,
    ("github.com/k3s-io/kine",),
    ldflags=f"-X github.com/k3s-io/kine/pkg/version.Version={versions.KINE}",
    cgo=True,  # SQLite
)
KUBE_ROUTER = Part(
    "kube-router",
    versions.KUBE_ROUTER,
    (f"{_KUBE_ROUTER}/cmd/kube-router",),
    ldflags=f"-X {_KUBE_ROUTER}/pkg/version.Version=v{versions.KUBE_ROUTER}",
)
CONTAINERD = Part(
    "containerd",
    versions.CONTAINERD,
    (f"{_CONTAINERD}/cmd/containerd", f"{_CONTAINERD}/cmd/containerd-shim-runc-v2"),
    ldflags=f"-X {_CONTAINERD}/version.Version={versions.CONTAINERD}",
    tags="no_btrfs no_devmapper no_zfs",
)
RUNC = Part(
    "runc",
    versions.RUNC,
    ("github.com/opencontainers/runc",),
    tags="seccomp",
    cgo=True,  # code that runs before the Go runtime starts threads
)
LOCAL_PATH = Part(
    "local-path-provisioner",
    versions.LOCAL_PATH,
    ("github.com/rancher/local-path-provisioner",),
    ldflags=f"-X main.VERSION={versions.LOCAL_PATH}",
)
LOCAL_PATH_HELPER = Part("local-path-helper", versions.LOCAL_PATH, (".",))
COSIGN = Part("cosign", versions.COSIGN, ("github.com/sigstore/cosign/v2/cmd/cosign",))
_SETS_SCORE = "err := sys.SetOOMScore(cmd.Process.Pid, oomScoreMax); err != nil"
GVISOR = Part(
    "gvisor",
    versions.GVISOR,
    ("gvisor.dev/gvisor/runsc", "gvisor.dev/gvisor/shim"),
    renames=(("shim", "containerd-shim-runsc-v1"),),
    # A shim without CAP_SYS_RESOURCE cannot protect itself from the OOM killer, and would refuse
    # to start.
    patch=Patch(
        "gvisor.dev/gvisor",
        "pkg/shim/v1/manager.go",
        _SETS_SCORE,
        f"{_SETS_SCORE} && !os.IsPermission(err)",
    ),
)
HELM3 = Part("helm3", versions.HELM3, ("helm.sh/helm/v3/cmd/helm",), output="helm3")
#: Programs of tests, which no cluster needs: each is built when a test wants it.
TEST_PARTS = (COSIGN, GVISOR, HELM3)
#: Every part of any profile, and of tests.
PARTS = (
    KUBERNETES,
    CILIUM,
    COREDNS,
    PAUSE,
    KINE,
    KUBE_ROUTER,
    CONTAINERD,
    RUNC,
    LOCAL_PATH,
    LOCAL_PATH_HELPER,
    *TEST_PARTS,
)
