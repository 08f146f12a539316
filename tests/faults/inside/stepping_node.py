"""Starts the node as its image does, but lets it be killed at an exact step of a run.

Runs in the node's pod, in the place of the image's entrypoint: `python /faults/stepping_node.py
run`. Nothing of this is in the image. Each place of `PLACES` is a function of the node; before or
after it, the process looks whether the file `armed` holds the place's name and how many runs are to
pass first. Then it takes the file away and sends itself SIGKILL, which no code can catch or delay.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
_lock = threading.Lock()


def _any(*_: Any) -> bool:
    return True


@dataclass(frozen=True)
class Place:
    """A moment in the life of a run: just before or after a function of the node is called."""

    module: str
    owner: str
    function: str
    before: bool
    counts: Callable[..., bool] = _any


PLACES = {
    "command-received": Place("protocol.dummy.server", "DummyServer", "_on_command", before=True),
    "record-written": Place("storage.records", "Records", "write_run", before=False),
    "before-job": Place("cluster.objects", "ClusterObjects", "create_job", before=True),
    "after-job": Place("cluster.objects", "ClusterObjects", "create_job", before=False),
    "before-pod-runs": Place(
        "engine.delivery",
        "Delivery",
        "put_status",
        before=False,
        counts=lambda _, run: run.status == "initializing",
    ),
    "running": Place("engine.log_keeper", "LogKeeper", "follow", before=False),
    "ended": Place("engine.run_work", "RunWork", "get_result", before=True),
    "result-written": Place("storage.records", "Records", "write_result", before=False),
    "sent": Place("engine.delivery", "Delivery", "_acknowledged", before=True),
    "acknowledged": Place("engine.run_work", "RunWork", "finish", before=True),
}


def strike(name: str, passed: list[int]) -> None:
    """End the process if it is its time."""
    with _lock:
        try:
            armed, wanted = (HERE / "armed").read_text().split()
        except (OSError, ValueError):
            passed.clear()
            return
        if armed != name:
            return
        passed.append(1)
        if len(passed) >= int(wanted):
            (HERE / "armed").rename(HERE / "fired")
            os.kill(os.getpid(), signal.SIGKILL)


def watch_over(name: str, place: Place) -> None:
    """Put the look around the place's function. Raises AttributeError if there is none."""
    owner = getattr(importlib.import_module(f"node_poc.{place.module}"), place.owner)
    function = getattr(owner, place.function)
    passed: list[int] = []

    @functools.wraps(function)
    def watched(*arguments: Any, **options: Any) -> Any:
        if place.before and place.counts(*arguments):
            strike(name, passed)
        told = function(*arguments, **options)
        if not place.before and place.counts(*arguments):
            strike(name, passed)
        return told

    setattr(owner, place.function, watched)


def sleep_truly() -> None:
    """Let ``time.sleep`` sleep under libfaketime 0.9.10.

    Python sleeps until a moment of the monotonic clock, and libfaketime takes that for one of the
    faked clock (clock_nanosleep with TIMER_ABSTIME). Waiting for an event it leaves alone.
    """
    time.sleep = lambda seconds: threading.Event().wait(seconds) and None  # type: ignore[assignment]


if __name__ == "__main__":
    if "libfaketime" in os.environ.get("LD_PRELOAD", ""):
        sleep_truly()
    sys.path.insert(0, "/app")
    for each in PLACES.items():
        watch_over(*each)
    sys.exit(importlib.import_module("node_poc.cli").main())
