"""Runs one at a time, and in bursts, alternating between node and raw client."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from bench.node_client import NodeClient, node_client
from bench.plan import Who, interleaved
from bench.processors import added
from bench.raw_client import RawClient
from bench.station import BenchStation
from bench.timed_run import TimedRun

BURST = 20
_SEED = 20
_WARM_UPS = 2
# The node's own number of concurrent requests.
_RAW_THREADS = 8
_TELL_EVERY = 10


def single_runs(station: BenchStation, pairs: int) -> list[TimedRun]:
    """Return ``pairs`` runs of each client, one at a time."""
    runs: list[TimedRun] = []
    with node_client(station) as node:
        raw = RawClient(station)
        for step in interleaved(_WARM_UPS, _SEED):
            _single(step.who, node, raw)
        for number, step in enumerate(interleaved(pairs, _SEED), 1):
            time.sleep(step.gap_seconds)
            runs.append(_single(step.who, node, raw))
            if number % (2 * _TELL_EVERY) == 0:
                station.tell(f"single: {number // 2} of {pairs} pairs")
    return runs


def _single(who: Who, node: NodeClient, raw: RawClient) -> TimedRun:
    if who is Who.NODE:
        return node.finish(node.start(node.payload()))
    run_id, job = raw.prepare()
    raw.start(run_id, job)
    return raw.finish(run_id)


def bursts(
    station: BenchStation, rounds: int
) -> tuple[list[list[TimedRun]], dict[Who, dict[str, float]]]:
    """Run ``rounds`` bursts of each client, one after the other.

    Returns:
        the runs of each burst, and each client's processor seconds in all its bursts, by part.
    """
    done: list[list[TimedRun]] = []
    used: dict[Who, dict[str, float]] = {who: {} for who in Who}
    with node_client(station) as node:
        raw = RawClient(station)
        for step in interleaved(rounds, _SEED):
            station.clear()
            time.sleep(step.gap_seconds)
            with station.meter() as meter:
                done.append(_node_burst(node) if step.who is Who.NODE else _raw_burst(raw))
            used[step.who] = added(used[step.who], meter.seconds)
            took = max(run.result for run in done[-1]) - min(run.asked for run in done[-1])
            station.tell(f"burst: {len(done)} of {2 * rounds}: {step.who}, {took:.1f} s")
    return done, used


def _node_burst(node: NodeClient) -> list[TimedRun]:
    payloads = [node.payload() for _ in range(BURST)]
    run_ids = [node.start(payload) for payload in payloads]
    return [node.finish(run_id) for run_id in run_ids]


def _raw_burst(raw: RawClient) -> list[TimedRun]:
    prepared = [raw.prepare() for _ in range(BURST)]
    with ThreadPoolExecutor(_RAW_THREADS) as pool:
        list(pool.map(lambda run: raw.start(*run), prepared))
    return [raw.finish(run_id) for run_id, _ in prepared]
