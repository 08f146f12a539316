"""The cost of each protection for a run: the same node with each and without, in turns."""

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
from bench.protections import NOTHING, Protection, protections
from bench.signed_image import KEY, SignedImage
from bench.station import BenchStation
from bench.table import Row
from bench.timed_run import TimedRun

_ROUNDS = 2
_WARM_UPS = 2
_AUDIT_RUNS = 50
_SEED = 21


def protection_rows(station: BenchStation, runs: int) -> list[Row]:
    """Measure ``runs`` runs with each protection, and ``runs`` without any."""
    with tempfile.TemporaryDirectory(prefix="v6-bench-keys-") as folder:
        image = SignedImage(station, Path(folder))
    measured = protections(image.settings)
    order = [NOTHING, *measured]
    found: dict[str, list[TimedRun]] = {each.name: [] for each in order}
    for number in range(1, _ROUNDS + 1):
        for each in order:
            found[each.name] += _runs(station, image, each, -(-runs // _ROUNDS))
            station.tell(f"protections: round {number} of {_ROUNDS}: {each.name}")
        order.reverse()  # a steady drift of the machine then cancels out
    bare = found[NOTHING.name]
    rows = [protection_row(each.name, found[each.name], bare, each.goal) for each in measured]
    entries = seconds_of_runs(station.tasks, _AUDIT_RUNS)
    return [*rows, audit_row(entries, [run.whole for run in bare])]


def _runs(
    station: BenchStation, image: SignedImage, protection: Protection, count: int
) -> list[TimedRun]:
    """Return ``count`` runs of a node with a protection."""
    station.clear()
    settings = protection.settings
    station.reconfigure(lambda config: config["kubernetes"].update(settings))
    dice = random.Random(_SEED)  # noqa: S311  pauses, no secret
    found = []
    with job_policy(station, is_on=protection.has_policy), node_client(station) as node:
        for _ in range(_WARM_UPS + count):
            time.sleep(dice.uniform(*GAP_SECONDS))
            found.append(_run(station, node, image, is_signed=protection.is_signed))
    return found[_WARM_UPS:]


def _run(
    station: BenchStation, node: NodeClient, image: SignedImage, *, is_signed: bool
) -> TimedRun:
    """Return one run. Raise BenchError if the signature was not verified."""
    payload = node.payload() | {"image": image.next_name()}
    run = node.finish(node.start(payload))
    record = json.loads((station.tasks / str(payload["run_id"]) / "run.json").read_text())
    if record["signed_by"] != (KEY if is_signed else None):
        raise BenchError(f"run {payload['run_id']} was signed by {record['signed_by']}")
    return run
