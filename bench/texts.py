"""PURE: figures taken from texts of others: Prometheus metrics, /proc, the node's own log."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime

_SAMPLE = re.compile(r"^(\w+)\{([^}]*)\}\s+(\S+)", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def metric_sum(text: str, name: str, **labels: str) -> float:
    """The sum of all samples of a metric that have these labels; 0 if there are none."""
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
    """Memory of a process, in MiB. ``pss``: what it shares is counted in part; ``peak``: of rss."""

    rss: float
    pss: float
    peak: float


def memory_of(text: str) -> Memory:
    """Read /proc/PID/smaps_rollup and /proc/PID/status, one after the other.

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
    """When a process began, in seconds since the epoch.

    Args:
        stat: its /proc/PID/stat.
        uptime: /proc/uptime, read at ``now``.
        now: seconds since the epoch.
        ticks_a_second: the machine's CLK_TCK.
    """
    # The second field, the name in brackets, may hold spaces: count from behind it.
    started_ticks = int(stat.rpartition(")")[2].split()[19])
    return now - (float(uptime.split(maxsplit=1)[0]) - started_ticks / ticks_a_second)


def last_event(log: str, event: str) -> float | None:
    """When the node's log told an event for the last time; None if it never did."""
    found = None
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("event") == event:
            found = datetime.fromisoformat(entry["timestamp"]).timestamp()
    return found
