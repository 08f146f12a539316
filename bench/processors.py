"""Processor seconds by part: pods from their cgroups, programs from /proc.

A pod's cgroup still counts the time of ended processes; the parent cgroup has the sum of all pods.
The meter reads programs once a second; a program that ends in between is counted up to its last
reading. The meter sees only processes on this machine.

Linux adds the time of an ended process to the process that waits for it. The processes of a
container are waited for by containerd's shim, so the meter takes the pods' time off containerd's.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bench.errors import BenchError
from bench.texts import RUNTIME, group_path, part_of, pods_path, processor_ticks

_LOOK_SECONDS = 1.0
_PROC = Path("/proc")
_GROUPS = Path("/sys/fs/cgroup")
NODE, PROXY, OTHER_PODS = "node", "proxy", "algorithms and other pods"


class Pods:
    """The cgroups of named pods, and of all pods together."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        """Take any process of each pod in ``processes``. Raise BenchError without a pod cgroup."""
        self._folders = {name: _pod_folder(process) for name, process in processes.items()}
        self._all = next(iter(self._folders.values())) if self._folders else None
        if self._all is not None:
            self._all = _GROUPS / pods_path(str(self._all.relative_to(_GROUPS)))

    def seconds(self) -> dict[str, float]:
        """Return each pod's seconds since its start; ``OTHER_PODS``: all the rest."""
        found = {name: _used(folder) for name, folder in self._folders.items()}
        if self._all is not None:
            found[OTHER_PODS] = _used(self._all) - sum(found.values())
        return found


def _pod_folder(process: int) -> Path:
    try:
        groups = (_PROC / str(process) / "cgroup").read_text(encoding="utf-8")
        container = _GROUPS / group_path(groups)
    except (OSError, ValueError) as error:
        raise BenchError(f"process {process}: its control group is not to be read") from error
    return container.parent


def _used(folder: Path) -> float:
    with suppress(OSError):
        return int((folder / "cpuacct.usage").read_text(encoding="utf-8")) / 1e9
    with suppress(OSError, IndexError, ValueError):
        words = (folder / "cpu.stat").read_text(encoding="utf-8").split()
        return int(words[words.index("usage_usec") + 1]) / 1e6
    raise BenchError(f"{folder}: the control group does not tell its processor time")


class Meter:
    """Counts from ``__enter__`` to ``__exit__``; then ``seconds`` has the sums by part."""

    def __init__(self, pods: Pods, own: Mapping[int, str]) -> None:
        """Take ``own``, parts by process id; the meter recognizes other parts by name."""
        self._pods = pods
        self._own = own
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="processors", daemon=True)
        self._first: dict[tuple[int, str], int] = {}
        self._last: dict[tuple[int, str], tuple[str, int]] = {}
        self._before: dict[str, float] = {}
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> Meter:
        self._before = self._pods.seconds()
        self._look(begin=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._look()
        after = self._pods.seconds()
        self.seconds = {name: after[name] - self._before[name] for name in after}
        ticks = os.sysconf("SC_CLK_TCK")
        for key, (part, last) in self._last.items():
            took = (last - self._first.get(key, 0)) / ticks
            self.seconds[part] = self.seconds.get(part, 0.0) + took
        self.seconds = without_pods(self.seconds)

    def _look_on(self) -> None:
        while not self._end.wait(_LOOK_SECONDS):
            self._look()

    def _look(self, *, begin: bool = False) -> None:
        for folder in _PROC.glob("[0-9]*"):
            with suppress(OSError, ValueError):
                stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
                part = self._own.get(int(folder.name)) or part_of(stat)
                if part is None:
                    continue
                ticks, started = processor_ticks(stat)
                key = int(folder.name), started
                self._last[key] = part, ticks
                if begin:
                    self._first[key] = ticks


def without_pods(seconds: Mapping[str, float]) -> dict[str, float]:
    """PURE: return the seconds by part, with the pods' own time taken off containerd's."""
    return {
        part: took - seconds.get(OTHER_PODS, 0.0) if part == RUNTIME else took
        for part, took in seconds.items()
    }


def added(some: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    """PURE: return the sums of both, part by part."""
    return {part: some.get(part, 0.0) + more.get(part, 0.0) for part in {**some, **more}}
