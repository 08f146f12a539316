"""Sends the node's configuration and its machine's load to a vantage6 server."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from node_poc.config.model import Database, NodeConfig
from node_poc.runs.digits import is_number
from node_poc.runs.ports import KnownRuns

log = structlog.get_logger(__name__)

ColumnNames = Callable[[str, str], list[str]]
_MAX_COLUMNS = 1000


def node_info(config: NodeConfig, columns: ColumnNames) -> dict[str, Any]:
    """Return the payload of ``node_info_update``.

    The server refuses tasks by ``allowed_users`` and ``allowed_orgs``. The server reads users as
    numbers, and fails on every task if a user is not a number.

    Args:
        config: the node's configuration.
        columns: returns a database's columns for its label and type; empty if unknown.
    """
    rules = config.policies
    allowed = rules.allowed_algorithms
    info: dict[str, Any] = {
        "encryption": config.encryption.enabled,
        "allowed_algorithms": "all" if allowed is None else allowed,
        "database_labels": [database.label for database in config.databases],
        "database_types": {f"db_type_{d.label}": d.type.value for d in config.databases},
        "database_columns": {f"columns_{d.label}": _names(d, columns) for d in config.databases},
    }
    users = [user for user in rules.allowed_users or [] if is_number(user)]
    if users:
        info["allowed_users"] = users
    if rules.allowed_organizations:
        info["allowed_orgs"] = rules.allowed_organizations
    return info


def _names(database: Database, columns: ColumnNames) -> list[str]:
    try:
        names = columns(database.label, database.type.value)
        return [str(name) for name in names[:_MAX_COLUMNS]]
    except Exception:  # the server gets the other facts even if a database cannot be read now
        log.exception("columns not known", database=database.label)
        return []


class Metrics:
    """Sends ``node_metrics_update`` from time to time."""

    def __init__(
        self, every_seconds: float, known: KnownRuns, emit: Callable[[str, object], bool]
    ) -> None:
        """Nothing runs before ``start``."""
        self._every_seconds = every_seconds
        self._known = known
        self._emit = emit
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="metrics", daemon=True)
        self._last = (0.0, 0.0)

    def start(self) -> None:
        """Start the thread that sends."""
        self._thread.start()

    def stop(self) -> None:
        """Stop sending."""
        self._stop.set()

    def _work(self) -> None:
        self._last = _processor_times()
        while not self._stop.wait(self._every_seconds):
            try:
                self._emit("node_metrics_update", self.measure())
            except Exception:  # no run needs the metrics: an error must harm no run
                log.exception("metrics not sent")

    def measure(self) -> dict[str, Any]:
        """Return the machine's load since the last call, and the number of algorithms running."""
        (busy, total), (busy_before, total_before) = _processor_times(), self._last
        self._last = (busy, total)
        spent = max(total - total_before, 1e-9)
        memory, available = _memory()
        going = [s for s in self._known.open_runs() if not s.run.has_ended]
        return {
            "cpu_percent": round(100 * (busy - busy_before) / spent, 1),
            "memory_percent": round(100 * (1 - available / memory), 1) if memory else 0.0,
            "num_algorithm_containers": len(going),
            "os": platform.system(),
            "platform": platform.platform(),
            "cpu_count": os.cpu_count() or 1,
            "memory_total": memory,
            "memory_available": available,
        }


def _processor_times() -> tuple[float, float]:
    """Return the busy and the total time of the processors (Linux: /proc/stat)."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    except OSError:
        return 0.0, 0.0
    times = [float(field) for field in fields]
    return sum(times) - sum(times[3:5]), sum(times)  # without idle and iowait


def _memory() -> tuple[int, int]:
    """Return the total and the available memory in bytes (Linux: /proc/meminfo)."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0, 0
    found = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    return tuple(int(found[name][0]) * 1024 for name in ("MemTotal", "MemAvailable"))  # type: ignore[return-value]
