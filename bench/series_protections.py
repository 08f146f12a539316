"""The cost of each protection for a run: the same node with and without, in turns."""

from __future__ import annotations

import json
import random
import tempfile
import time
from pathlib import Path

from bench.audit_cost import seconds_of_runs
from bench.errors import BenchError
from bench.job_policy import job_policy
from bench.judging import audit_row, protection_row
from bench.node_client import NodeClient, node_client
from bench.plan import GAP_SECONDS
from bench.protections import Protection, protections
from bench.signed_image import KEY, SignedImage
from bench.station import BenchStation
from bench.table import Row

_ROUNDS = 2
_WARM_UPS = 2
_AUDIT_RUNS = 50
_SEED = 21


def protection_rows(station: BenchStation, runs: int) -> list[Row]:
    """Measure each protection by ``runs`` runs with and ``runs`` without the protection."""
    with tempfile.TemporaryDirectory(prefix="v6-bench-keys-") as folder:
        image = SignedImage(station, Path(folder))
    rows, bare = [], list[float]()
    for each in protections(image.settings):
        seconds: dict[bool, list[float]] = {True: [], False: []}
        for number in range(_ROUNDS):
            # The second round has the other order: a steady drift of the machine cancels out.
            for is_on in (True, False) if number % 2 else (False, True):
                found = _runs(station, image, each, is_on=is_on, count=-(-runs // _ROUNDS))
                seconds[is_on].extend(found)
            station.tell(f"protections: {each.name}: round {number + 1} of {_ROUNDS}")
        rows.append(protection_row(each.name, seconds[True], seconds[False], each.goal))
        bare += seconds[False]
    return [*rows, audit_row(seconds_of_runs(station.tasks, _AUDIT_RUNS), bare)]


def _runs(
    station: BenchStation, image: SignedImage, protection: Protection, *, is_on: bool, count: int
) -> list[float]:
    """Return the seconds from request to result of ``count`` runs with or without a protection."""
    settings = protection.settings(is_on=is_on)
    station.reconfigure(lambda config: config["kubernetes"].update(settings))
    dice = random.Random(_SEED)  # noqa: S311  pauses, no secret
    found = []
    with (
        job_policy(station, is_on=is_on and protection.has_policy),
        node_client(station) as node,
    ):
        for _ in range(_WARM_UPS + count):
            time.sleep(dice.uniform(*GAP_SECONDS))
            found.append(_run(station, node, image, is_signed=is_on and protection.is_signed))
    return found[_WARM_UPS:]


def _run(station: BenchStation, node: NodeClient, image: SignedImage, *, is_signed: bool) -> float:
    """Return the seconds of one run. Raise BenchError if the signature was not verified."""
    payload = node.payload() | {"image": image.next_name()}
    whole = node.finish(node.start(payload)).whole
    record = json.loads((station.tasks / str(payload["run_id"]) / "run.json").read_text())
    if record["signed_by"] != (KEY if is_signed else None):
        raise BenchError(f"run {payload['run_id']} was signed by {record['signed_by']}")
    return whole
