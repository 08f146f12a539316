"""PURE: timeline, checks and texts of the demo's report."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_STEPS = (
    ("received", "received by the node"),
    ("job_created", "Job created"),
    ("started", "container running (Kubernetes tells whole seconds)"),
    ("ended", "container ended (the same)"),
)


@dataclass(frozen=True)
class Check:
    """One requirement: its text, whether it is met, and the observed value."""

    what: str
    passed: bool
    seen: str


def timeline(result: dict[str, Any], posted_at: datetime, result_at: datetime) -> list[str]:
    """Return lines with the run's events, in seconds since the task was posted."""
    moments = [("posted", posted_at)]
    for key, text in _STEPS:
        value = result["timeline"].get(key)
        if value:
            moments.append((text, datetime.fromisoformat(value)))
    moments.append(("result here", result_at))
    return [
        f"{moment:%H:%M:%S}  {(moment - posted_at).total_seconds():+7.2f} s  {text}"
        for text, moment in moments
    ]


def isolation_lines(log: str) -> list[str]:
    """Return the lines of the log in which the algorithm describes its network."""
    return [line for line in log.splitlines() if line.startswith("network:")]


def average_of(csv_text: str, column: str) -> float:
    """Return a column's average, computed without the algorithm; missing values are skipped."""
    rows = csv.DictReader(io.StringIO(csv_text))
    values = [float(row[column]) for row in rows if row[column].strip()]
    return sum(values) / len(values)


def judge(
    result: dict[str, Any], expected: float, output: str | None, outbound: str
) -> list[Check]:
    """Compare a result with the requirements; ``outbound`` is the proxy's line about its network.

    The proxy's access to the outside shows that the outside exists, and that only NetworkPolicies
    close the outside to the algorithm.
    """
    lines = isolation_lines(result["log"])
    number = re.fullmatch(r"\s*(-?[0-9.]+(?:e-?[0-9]+)?)\s*", output or "")
    close = number is not None and abs(float(number[1]) - expected) < 1e-9 * max(1, abs(expected))
    return [
        Check("the run completed", result["status"] == "completed", result["status"]),
        Check("its exit code is 0", result["exit_code"] == 0, str(result["exit_code"])),
        Check(
            "the outside is closed to it",
            _says(lines, "outbound access to", "is disabled"),
            "see above",
        ),
        Check("DNS is closed to it", _says(lines, "DNS lookups", "are disabled"), "see above"),
        Check("the proxy is open to it", _says(lines, "proxy", "is reachable"), "see above"),
        Check("the outside is open to the proxy", "enabled" in outbound, "see above"),
        Check(
            "the average is right", close, f"{(output or 'no file').strip()}, expected {expected!r}"
        ),
    ]


def _says(lines: list[str], subject: str, verdict: str) -> bool:
    """Return whether the log has exactly one line on ``subject``, with the required verdict."""
    found = [line for line in lines if line.startswith(f"network: {subject}")]
    return len(found) == 1 and verdict in found[0]
