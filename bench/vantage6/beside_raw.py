"""Single runs and bursts, alternating between node and raw client, and the cost of an idle node.

The raw client starts when the server has the task: in a burst the raw client keeps the pace at
which the tasks of the preceding burst of the node reached the server.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from bench.figures import median
from bench.judging import IDLE_MILLICORES, idle_processor_row, processor_rows
from bench.plan import Who, interleaved
from bench.processors import NODE, PROXY, Meter, added
from bench.table import Row
from bench.vantage6 import moments
from bench.vantage6.moments import Moments, Posted
from bench.vantage6.raw_client import RawClient
from bench.vantage6.request_log import RequestLog, describe
from bench.vantage6.series import Series

BURST = 20
# Each request takes some 30 ms of the server's processor time, which twenty runs need themselves.
_BURST_LOOK_SECONDS = 0.5
# The last PATCH of a run may arrive after the client has seen the run's end.
_AFTERWARDS_SECONDS = 2.0
_SEED = 20
_METHOD = "shape_of"
_INPUT = {"method": _METHOD, "kwargs": {}}


class BesideRaw:
    """The comparison of node and raw client, with meters of processor time and requests."""

    def __init__(
        self,
        series: Series,
        raw: RawClient,
        image: str,
        meter: Callable[[], Meter],
        requests: Callable[[], RequestLog],
    ) -> None:
        """Take the parts; ``image`` is the measured function's.

        ``meter`` and ``requests`` return new counters.
        """
        self._series, self._raw, self._image = series, raw, image
        self._meter, self._requests = meter, requests

    def single(self, pairs: int) -> list[Row]:
        """Measure runs one at a time; the first run of each client does not count."""
        ours, theirs, asked = [self._series.one(_METHOD)], [self._raw_one()], Counter[str]()
        for step in interleaved(pairs, _SEED):
            time.sleep(step.gap_seconds)
            if step.who is Who.RAW:
                theirs.append(self._raw_one())
                continue
            log = self._requests()
            ours.append(self._series.one(_METHOD))
            time.sleep(_AFTERWARDS_SECONDS)
            asked += log.counted()
        self._raw.clear()
        del ours[0], theirs[0]
        requests = _requests_row("single", asked, len(ours))
        return [*_single_ratios(ours, theirs), requests, *moments.single_rows(ours)]

    def burst(self, rounds: int) -> list[Row]:
        """Measure bursts: post twenty tasks one after the other, and wait for the last result."""
        last: dict[Who, list[float]] = {who: [] for who in Who}
        used: dict[Who, dict[str, float]] = {who: {} for who in Who}
        asked: Counter[str] = Counter()
        pace: list[float] = []
        for number in range(rounds):
            self._series.tell(f"burst {number + 1} of {rounds}, of each")
            self._series.pause()
            log = self._requests()
            with self._meter() as meter:
                took, pace = self._node_burst()
            last[Who.NODE].append(took)
            used[Who.NODE] = added(used[Who.NODE], meter.seconds)
            time.sleep(_AFTERWARDS_SECONDS)
            asked += log.counted()
            self._series.pause()
            with self._meter() as meter:
                last[Who.RAW].append(self._raw_burst(pace))
            used[Who.RAW] = added(used[Who.RAW], meter.seconds)
            self._raw.clear()
        what = f"burst of {BURST}: last result"
        goal, docker = moments.BURST_SECONDS, moments.DOCKER_BURST
        runs = rounds * BURST
        return [
            moments.raw_row(what, last[Who.NODE], last[Who.RAW], moments.RATIO),
            _requests_row("burst", asked, runs),
            moments.seconds_row(what, last[Who.NODE], goal, docker),
            *processor_rows("node", used[Who.NODE], runs),
            *processor_rows("raw client", used[Who.RAW], runs),
        ]

    def idle(self, seconds: float) -> list[Row]:
        """Measure the processor time of node and proxy while there are no runs."""
        with self._meter() as meter:
            time.sleep(seconds)
        return [idle_processor_row(meter.seconds, seconds, (NODE, PROXY), IDLE_MILLICORES)]

    def _raw_one(self) -> float:
        run_id, job = self._raw.prepare(self._image, _INPUT)
        run = self._raw.finish(run_id, self._raw.start(run_id, job))
        return run.result - run.asked

    def _node_burst(self) -> tuple[float, list[float]]:
        """Return seconds since the first call: the burst, and each task reaching the server."""
        tasks: list[Posted] = [self._series.posted(_METHOD) for _ in range(BURST)]
        for task in tasks:
            self._series.finish(task.number, _BURST_LOOK_SECONDS)
        began = tasks[0].called
        return time.time() - began, [task.reached - began for task in tasks]

    def _raw_burst(self, pace: list[float]) -> float:
        prepared = [self._raw.prepare(self._image, _INPUT) for _ in pace]
        began = time.time()
        asked = {}
        for after, (run_id, job) in zip(pace, prepared, strict=True):
            time.sleep(max(0.0, began + after - time.time()))
            asked[run_id] = self._raw.start(run_id, job)
        return max(self._raw.finish(*run).result for run in asked.items()) - began


def _single_ratios(ours: list[Moments], theirs: list[float]) -> list[Row]:
    """Return the ratios; the raw client's time starts at the client's call, like the node's."""
    node = [run.whole for run in ours]
    before = median([run.posted.reached - run.posted.called for run in ours])
    sent = median([run.posted.sent - run.posted.called for run in ours])
    what = f"submit to completed, n = {len(ours)}"
    strict = f"{what}, raw client from the moment the request was sent"
    return [
        moments.raw_row(what, node, [before + each for each in theirs], moments.RATIO),
        moments.raw_row(strict, node, [sent + each for each in theirs], None),
    ]


def _requests_row(series: str, asked: Counter[str], runs: int) -> Row:
    what = f"requests of the node to the server, {series}"
    a_run = asked.total() / runs
    return Row(what, a_run, "a run", moments.REQUESTS_A_RUN, describe(asked, runs))
