"""PURE: the report of one pod of the self-test, a line of JSON in the pod's log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

#: The key by which a line of the log is recognised as a report; its value is the format.
REPORT_KEY = "walls_test"
#: The key of the line with which a pod tells its IPv6 addresses at its start.
ADDRESSES_KEY = "ipv6_addresses"
_FORMAT = 1
_MOST_ADDRESSES = 4


@dataclass(frozen=True)
class Tries:
    """What a pod saw of one target.

    Attributes:
        tries: number of attempts.
        through: number of attempts that were answered.
        first_ms: start of the first attempt that was answered, in milliseconds since the start of
            the pod's process.
        last_ms: start of the last attempt that was answered.
        lived_on: whether the first connection still worked at the end.
    """

    tries: int
    through: int = 0
    first_ms: int = 0
    last_ms: int = 0
    lived_on: bool = False


@dataclass(frozen=True)
class Report:
    """The report of one pod.

    Attributes:
        began_ms: start of the first attempt, in milliseconds since the start of the process.
        ended_ms: end of the attempts.
        machine: address of the pod's machine; empty if the pod does not know the address.
        accepted: connections of others to the pod; ``tries`` equals ``through``.
        targets: in the order of the plan.
    """

    began_ms: int
    ended_ms: int
    machine: str
    accepted: Tries
    targets: tuple[Tries, ...]


def find_report(log: str, targets: int) -> Report | None:
    """Return the report in a pod's log; None if the log has none, or none that makes sense.

    Args:
        log: the log.
        targets: number of targets of the pod's plan.
    """
    for line in log.splitlines():
        data = _object(line)
        if data.get(REPORT_KEY) == _FORMAT:
            try:
                report = _report(data)
            except (KeyError, TypeError, ValueError):
                return None
            return report if len(report.targets) == targets else None
    return None


def find_addresses(log: str) -> tuple[str, ...] | None:
    """Return the IPv6 addresses that a pod told at its start; None if the pod has told nothing."""
    for line in log.splitlines():
        addresses = _object(line).get(ADDRESSES_KEY)
        if isinstance(addresses, list):
            return tuple(str(each) for each in addresses[:_MOST_ADDRESSES])
    return None


def _object(line: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _report(data: dict[str, Any]) -> Report:
    return Report(
        began_ms=int(data["began_ms"]),
        ended_ms=int(data["ended_ms"]),
        machine=str(data["machine"]),
        accepted=_tries(data["accepted"]),
        targets=tuple(map(_tries, data["targets"])),
    )


def _tries(row: Any) -> Tries:
    tries, through, first_ms, last_ms, lived_on = row
    return Tries(int(tries), int(through), int(first_ms), int(last_ms), bool(lived_on))
