"""The processes of a pod's containers, on the cluster's machine."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from bench.errors import BenchError

_LOOK_SECONDS = 0.01


def container_processes(pod_uid: str) -> list[int]:
    """Return the process ids of a pod, without the sandbox's own.

    Raises:
        BenchError: there are none: the cluster runs on another machine, or the pod has ended.
    """
    # The kubelet's systemd driver replaces - by _ in names of cgroups.
    names = (f"pod{pod_uid}", f"pod{pod_uid.replace('-', '_')}")
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            groups = (folder / "cgroup").read_text(encoding="utf-8")
            own = any(name in groups for name in names)
            if own and (folder / "comm").read_text(encoding="utf-8").strip() != "pause":
                found.append(int(folder.name))
    if not found:
        raise BenchError(f"pod {pod_uid} has no process on this machine")
    return found


def until_gone(processes: list[int], seconds: float) -> float:
    """Wait until all processes have ended; return the time of the end. Raise BenchError."""
    end = time.monotonic() + seconds
    while any(Path(f"/proc/{number}").exists() for number in processes):
        if time.monotonic() > end:
            raise BenchError(f"processes {processes} do not end")
        time.sleep(_LOOK_SECONDS)
    return time.time()
