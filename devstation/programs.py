"""Programs that only tests need, built from Go modules."""

from __future__ import annotations

from pathlib import Path

from devcluster import builds, cluster
from devcluster.console import Console
from devcluster.parts import Part


def built(part: Part, console: Console) -> Path:
    """Return the folder of a part's programs; build what the cache lacks. Raise DevClusterError."""
    with cluster.locked("builds", console):
        return builds.ensure([part], console).folder(part)
