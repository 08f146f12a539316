"""PURE: figures from texts of other programs: Prometheus metrics, /proc, the node's log."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime

_SAMPLE = re.compile(r"^(\w+)\{([^}]*)\}\s+(\S+)", re.MULTILINE)
RUNTIME = "containerd"
_PARTS = (
    ("kubelet", "kubelet"),
    (RUNTIME, "containerd"),
    ("API server", "kube-apiserver"),
    ("etcd", "etcd"),
    ("other Kubernetes", "kube-"),
    ("network (cilium)", "cilium"),
)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def metric_sum(text: str, name: str, **labels: str) -> float:
    """Return the sum of all samples of a metric with these labels; 0 if there are none."""
    total = 0.0
    for found, label_text, value in _SAMPLE.findall(text):
        if found != name:
            continue
        given = dict(_LABEL.findall(label_text))
        if all(given.get(key) == wanted for key, wanted in labels.items()):
            total += float(value)
    return total


@dataclass(frozen=True)
class Memory:
    """Memory of a process in MiB. ``pss`` counts shared memory in part; ``peak`` is of ``rss``."""

    rss: float
    pss: float
    peak: float


def memory_of(text: str) -> Memory:
    """Parse /proc/PID/smaps_rollup and /proc/PID/status, one after the other.

    Raises:
        ValueError: a line is missing.
    """

    def mebibytes(key: str) -> float:
        match = re.search(rf"^{key}:\s+(\d+) kB", text, re.MULTILINE)
        if match is None:
            raise ValueError(f"no {key} in what /proc tells")
        return int(match[1]) / 1024

    return Memory(mebibytes("Rss"), mebibytes("Pss"), mebibytes("VmHWM"))


def process_start(stat: str, uptime: str, now: float, ticks_a_second: int) -> float:
    """Return when a process started, in seconds since the epoch.

    Args:
        stat: its /proc/PID/stat.
        uptime: /proc/uptime, read at ``now``.
        now: seconds since the epoch.
        ticks_a_second: the machine's CLK_TCK.
    """
    # The second field, the name in brackets, may contain spaces: count from the closing bracket.
    started_ticks = int(stat.rpartition(")")[2].split()[19])
    return now - (float(uptime.split(maxsplit=1)[0]) - started_ticks / ticks_a_second)


def processor_ticks(stat: str) -> tuple[int, str]:
    """Return the processor time of a process and its ended children, and its start, in ticks.

    Args:
        stat: its /proc/PID/stat.
    """
    fields = stat.rpartition(")")[2].split()
    return sum(map(int, fields[11:15])), fields[19]


def part_of(stat: str) -> str | None:
    """Return a process's part of Kubernetes, by the name in its /proc/PID/stat; or None."""
    name = stat.partition("(")[2].rpartition(")")[0]
    # The kernel keeps 15 characters of a name.
    return next((part for part, begin in _PARTS if name.startswith(begin)), None)


def group_path(groups: str) -> str:
    """Return the cgroup that counts the processor time of a pod's process.

    Args:
        groups: its /proc/PID/cgroup, of either version of cgroups.

    Raises:
        ValueError: the process is in no pod.
    """
    for line in sorted(groups.splitlines(), key=lambda text: "cpuacct" not in text):
        _, controllers, path = line.split(":", 2)
        if "kubepods" not in path or controllers not in ("", "cpuacct", "cpu,cpuacct"):
            continue
        return f"{controllers}/{path.strip('/')}".lstrip("/")
    raise ValueError("the process is in no pod")


def pods_path(path: str) -> str:
    """Return the cgroup of all pods, the parent of one pod's."""
    parts = path.split("/")
    place = next(number for number, part in enumerate(parts) if part.startswith("kubepods"))
    return "/".join(parts[: place + 1])


def last_event(log: str, event: str) -> float | None:
    """Return when the node last logged an event; None if never."""
    found = None
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("event") == event:
            found = datetime.fromisoformat(entry["timestamp"]).timestamp()
    return found
