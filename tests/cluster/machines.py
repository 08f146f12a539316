"""The machines of the dev cluster: a second one, and machines that take no pods for a while."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from devcluster import nodes
from devcluster.layout import Layout
from devstation import ROOT, Cluster

FIRST, SECOND = 1, 2


def devcluster(*arguments: str) -> None:
    """Run a command of the dev cluster, and show its errors if it fails."""
    words = [sys.executable, "-m", "devcluster", *arguments]
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@contextmanager
def two_machines() -> Iterator[Layout]:
    """Yield the dev cluster with a second machine; the machine stays if it was there before."""
    layout = Layout.chosen(os.environ)
    was_there = SECOND in nodes.running(layout)
    if not was_there:
        devcluster("up", "--nodes", str(SECOND))
    try:
        yield layout
    finally:
        if was_there and SECOND not in nodes.running(layout):
            devcluster("up", "--nodes", str(SECOND))
        elif not was_there:
            nodes.remove(layout, SECOND)
            name = layout.node_name(SECOND)
            Cluster().kubectl("delete", "node", name, "--ignore-not-found")


@contextmanager
def cordoned(cluster: Cluster, machine: str) -> Iterator[None]:
    """Let a machine take no new pods for a while."""
    cluster.kubectl("cordon", machine)
    try:
        yield
    finally:
        cluster.kubectl("uncordon", machine)
