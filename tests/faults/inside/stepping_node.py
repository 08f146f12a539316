"""Start the node as its image does, but able to be killed at an exact step of a run.

Runs in the node's pod in place of the image's entrypoint: ``python /faults/stepping_node.py run``.
The image has none of this code. Each place of ``PLACES`` is a function of the node. Before or after
the function, the process reads the file ``armed``: the place's name, and how many runs shall pass
first. Then it takes the file away and sends itself SIGKILL, which no code can catch or delay.
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
    """A moment in the life of a run: just before or after a call of a function of the node."""

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
    "ended": Place("engine.run_work", "RunWork", "collect", before=True),
    "result-written": Place("storage.records", "Records", "write_result", before=False),
    "sent": Place("engine.delivery", "Delivery", "_acknowledged", before=True),
    "acknowledged": Place("engine.run_work", "RunWork", "mark_job", before=True),
}


def strike(name: str, passed: list[int]) -> None:
    """Kill the process if this place is armed and enough runs have passed."""
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
    """Wrap the place's function with ``strike``. Raise AttributeError without the function."""
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
    """Make ``time.sleep`` work under libfaketime 0.9.10.

    Python sleeps until a moment of the monotonic clock, and libfaketime mistakes the moment for one
    of the faked clock (clock_nanosleep with TIMER_ABSTIME). libfaketime does not change waits for
    an event.
    """
    time.sleep = lambda seconds: threading.Event().wait(seconds) and None  # type: ignore[assignment]


if __name__ == "__main__":
    if "libfaketime" in os.environ.get("LD_PRELOAD", ""):
        sleep_truly()
    sys.path.insert(0, "/app")
    for each in PLACES.items():
        watch_over(*each)
    sys.exit(importlib.import_module("node_poc.cli").main())
