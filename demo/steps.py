"""The demo's steps, and the steps that both demos share."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from devstation import Cluster
from devstation.commands import run


@contextmanager
def step(text: str) -> Iterator[None]:
    """Print a step and its duration."""
    print(f"==> {text}", flush=True)
    began = time.monotonic()
    yield
    print(f"    done in {time.monotonic() - began:.1f} s", flush=True)


def tell(text: str) -> None:
    """Print a line below its step."""
    print(f"    {text}", flush=True)


def make_cluster(cluster: Cluster) -> None:
    """Make the dev cluster, or bring it back, unless CONTEXT names an existing cluster."""
    if cluster.context is None:
        with step("the dev cluster"):
            run(_devcluster("up", "--nodes", os.environ.get("NODES", "1")))


def make_images(names: Sequence[str] = ()) -> None:
    """Build the images with these names, or the usual images, and push them."""
    with step("the images"):
        run(_devcluster("images", *names))


def _devcluster(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "devcluster", *arguments]
