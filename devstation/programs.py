"""Programs that only tests need, built from Go modules."""

from __future__ import annotations

from pathlib import Path

from devcluster import builds, cluster
from devcluster.console import Console
from devcluster.parts import Part


def built(part: Part, console: Console) -> Path:
    """Return the folder of a part's programs, and build them if the cache lacks the folder.

    The call waits for other commands' builds only if the cache lacks the folder. Raises
    DevClusterError.
    """
    folder = builds.located().folder(part)
    if not folder.exists():
        with cluster.locked("builds", console):
            builds.ensure([part], console)
    return folder
