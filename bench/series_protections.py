"""What each protection costs a run: the same node with and without one setting, in turns."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

from bench.judging import protection_row
from bench.node_client import node_client
from bench.plan import GAP_SECONDS
from bench.station import BenchStation
from bench.table import Row

# Protection, and the keys of ``kubernetes`` with and without it. The self-test takes no part: its
# pods would run beside a measured run.
_NO_TEST = {"self_test_hours": None}
SETTINGS: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the gate": ({"walls": {"gate": "on", **_NO_TEST}}, {"walls": {"gate": "off", **_NO_TEST}}),
}
_ROUNDS = 2
_WARM_UPS = 2
_SEED = 21


def protection_rows(station: BenchStation, runs: int) -> list[Row]:
    """Measure each protection by ``runs`` runs with and ``runs`` without it."""
    rows = []
    for name, (with_it, without_it) in SETTINGS.items():
        seconds: tuple[list[float], list[float]] = ([], [])
        for number in range(1, _ROUNDS + 1):
            for found, setting in zip(seconds, (with_it, without_it), strict=True):
                found.extend(_runs(station, setting, -(-runs // _ROUNDS)))
            station.tell(f"protections: {name}: round {number} of {_ROUNDS}")
        rows.append(protection_row(name, *seconds))
    return rows


def _runs(station: BenchStation, setting: dict[str, Any], count: int) -> list[float]:
    """Return the seconds from request to result of ``count`` runs with a setting of the node."""
    station.reconfigure(lambda config: config["kubernetes"].update(setting))
    dice = random.Random(_SEED)  # noqa: S311  pauses, no secret
    found = []
    with node_client(station) as node:
        for _ in range(_WARM_UPS + count):
            time.sleep(dice.uniform(*GAP_SECONDS))
            found.append(node.finish(node.start(node.payload())).whole)
    return found[_WARM_UPS:]
