"""Many runs known at once: the time until a new process knows all, and the memory they take.

Their Jobs request more processors than the cluster has, so no Job runs.
"""

from __future__ import annotations

import os
import time
from typing import Any

from bench.errors import BenchError
from bench.figures import median
from bench.judging import RESTART_SECONDS
from bench.node_client import NodeClient, node_client
from bench.station import PATIENCE_SECONDS, BenchStation
from bench.table import Row, written
from bench.texts import Memory, last_event, memory_of, process_start

RESTART_RUNS = 200
MEMORY_RUNS = 500
_RESTARTS = 3
_AT_ONCE = 20
_PROC = (
    "cat /proc/1/stat; echo @; cat /proc/uptime; echo @; date +%s.%N; echo @; "
    "cat /proc/1/smaps_rollup /proc/1/status"
)


def crowd_rows(station: BenchStation) -> list[Row]:
    """Measure restarts and memory. The station's node changes, so this series must be the last."""
    station.reconfigure(_without_room)
    at_none = _memory(station)
    with node_client(station) as node:
        _post(station, node, RESTART_RUNS)
        taken_up, reported = [], []
        for number in range(_RESTARTS):
            began, up, last = _timed_restart(station, node)
            taken_up.append(up - began)
            reported.append(last - began)
            station.tell(f"crowd: restart {number + 1} of {_RESTARTS}: {reported[-1]:.2f} s")
        _post(station, node, MEMORY_RUNS - RESTART_RUNS)
        at_many = _memory(station)
    return [*_restart_rows(taken_up, reported), *_memory_rows(at_none, at_many)]


def _restart_rows(taken_up: list[float], reported: list[float]) -> list[Row]:
    what = f"restart with {RESTART_RUNS} Jobs: process start to"
    slowest = f"the slowest of {len(reported)} restarts; median {written(median(reported), 's')}"
    return [
        Row(f"{what} all told anew to the server", max(reported), "s", RESTART_SECONDS, slowest),
        Row(f"{what} all read from the disk", max(taken_up), "s", None, "by the node's log"),
    ]


def _memory_rows(at_none: Memory, at_many: Memory) -> list[Row]:
    return [
        Row(
            f"memory of the node's process with {number} runs known",
            memory.rss,
            "MiB",
            note=f"RSS; PSS {written(memory.pss, 'MiB')}, RSS at its peak "
            f"{written(memory.peak, 'MiB')}",
        )
        for number, memory in ((0, at_none), (MEMORY_RUNS, at_many))
    ]


def _without_room(config: dict[str, Any]) -> None:
    config["kubernetes"]["runs_in_flight"] = 1000
    config["kubernetes"]["resources"] = {"cpu": "1000", "cpu_request": "1000"}


def _post(station: BenchStation, node: NodeClient, number: int) -> None:
    """Have the node accept ``number`` more runs, and wait until each has its Job."""
    run_ids: list[int] = []
    while len(run_ids) < number:
        some = [node.start(node.payload()) for _ in range(min(_AT_ONCE, number - len(run_ids)))]
        for run_id in some:
            node.await_accepted(run_id)
        run_ids += some
    seen, until = station.sightings, time.time() + PATIENCE_SECONDS
    for run_id in run_ids:
        seen.wait(seen.jobs, run_id, until)
    station.tell(f"crowd: {number} more Jobs are there")


def _timed_restart(station: BenchStation, node: NodeClient) -> tuple[float, float, float]:
    """Return three times of a restart, in seconds since the epoch.

    Returns:
        when the new process started, when it had read all runs from disk, and when it had reported
        all runs.
    """
    station.restart_node()
    stat, uptime, now, _ = _look(station).split("@\n")
    began = process_start(stat, uptime, float(now), os.sysconf("SC_CLK_TCK"))
    end = time.monotonic() + PATIENCE_SECONDS
    while len(reported := node.statuses_since(began)) < RESTART_RUNS:
        if time.monotonic() > end:
            raise BenchError(
                f"after a restart only {len(reported)} of {RESTART_RUNS} runs were told"
            )
        time.sleep(0.2)
    taken_up = last_event(station.node_log(), "run taken up")
    if taken_up is None:
        raise BenchError("the node's log tells of no run taken up")
    return began, taken_up, max(reported.values())


def _look(station: BenchStation) -> str:
    exec_in_node = ("exec", "deployment/v6-node", "-c", "node", "--", "sh", "-c", _PROC)
    return str(station.kubectl(*exec_in_node))


def _memory(station: BenchStation) -> Memory:
    return memory_of(_look(station))
