"""PURE: the moments of one run between a researcher's client and the node, and the durations.

All moments are seconds since the epoch, by one machine's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures import median, quantile, ratio_interval, ratio_of_medians
from bench.table import Row

# The goals of the project, and the measured times of vantage6's Docker node 4.15.2.
SINGLE_SECONDS, DOCKER_SINGLE = 2.0, 2.81
RATIO = 1.10
REQUESTS_A_RUN = 4.0
BURST_SECONDS, DOCKER_BURST = 13.0, 30.5
CENTRAL_SECONDS, DOCKER_CENTRAL = 5.0, 7.56
KILL_SECONDS, DOCKER_KILL = 2.0, 0.21


@dataclass(frozen=True)
class Posted:
    """A task: its number, and the moments of the client's call, request and response.

    At ``reached``, the moment of the response, the server has the task, and the raw client starts.
    """

    number: int
    called: float
    sent: float
    reached: float


@dataclass(frozen=True)
class Moments:
    """One run.

    Attributes:
        posted: the run's task.
        received: the node has the run on disk.
        job_created: Kubernetes has the run's Job.
        collected: the node has the result on disk.
        seen: the client sees the run finished.
    """

    posted: Posted
    received: float
    job_created: float
    collected: float
    seen: float

    @property
    def whole(self) -> float:
        """From the client's call to the end as the client sees the end."""
        return self.seen - self.posted.called


def single_rows(runs: Sequence[Moments]) -> list[Row]:
    """Return the rows of runs one at a time, with the share of each part."""
    whole = [run.whole for run in runs]
    parts = {
        "server and node's requests: submit to received": [
            r.received - r.posted.called for r in runs
        ],
        "node: received to Job made": [r.job_created - r.received for r in runs],
        "Kubernetes: Job made to result on the node's disk": [
            r.collected - r.job_created for r in runs
        ],
        "node and server: result on disk to seen by the client": [
            r.seen - r.collected for r in runs
        ],
    }
    note = f"{spread(whole)}; the Docker node: {DOCKER_SINGLE} s"
    first = Row(f"submit to completed, n = {len(runs)}", median(whole), "s", SINGLE_SECONDS, note)
    return [first, *(Row(what, median(values), "s") for what, values in parts.items())]


def raw_row(what: str, node: Sequence[float], raw: Sequence[float], goal: float | None) -> Row:
    """Return the ratio of the medians, with both medians and the ratio's confidence interval."""
    low, high = ratio_interval(node, raw)
    note = (
        f"medians: node {median(node):.2f} s, raw {median(raw):.2f} s; "
        f"95 % interval of the ratio {low:.2f} to {high:.2f}"
    )
    return Row(f"{what}, node / raw", ratio_of_medians(node, raw), "x", goal, note)


def seconds_row(what: str, values: Sequence[float], goal: float, docker: float) -> Row:
    """Return the median of a series beside its goal and the Docker node's."""
    note = f"{spread(values)}; the Docker node: {docker} s"
    return Row(f"{what}, n = {len(values)}", median(values), "s", goal, note)


def spread(values: Sequence[float]) -> str:
    """Return minimum, 0.9 quantile and maximum."""
    return f"min {min(values):.2f}, p90 {quantile(values, 0.9):.2f}, max {max(values):.2f} s"


@dataclass(frozen=True)
class Restart:
    """The outcome of runs that continued while their node was away.

    Attributes:
        how: how the node ended.
        runs: the number of runs.
        completed: the number of runs with the right result.
        pods: the number of pods ever created for the runs.
        until: seconds from the node's end to the last result.
    """

    how: str
    runs: int
    completed: int
    pods: int
    until: float


def restart_rows(restarts: Sequence[Restart]) -> list[Row]:
    """Return the numbers of lost runs and of runs run twice, which must be zero."""
    rows = []
    for each in restarts:
        note = f"{each.completed} of {each.runs} completed; last after {each.until:.1f} s"
        lost, twice = float(each.runs - each.completed), float(each.pods - each.runs)
        rows.append(Row(f"node {each.how} with {each.runs} runs: lost", lost, "runs", 0.0, note))
        rows.append(Row(f"node {each.how} with {each.runs} runs: run twice", twice, "runs", 0.0))
    return rows
