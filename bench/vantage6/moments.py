"""PURE: the moments of one run between a researcher's client and the node, and what lies between.

Seconds since the epoch, all of one machine's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures import median, quantile, ratio_interval, ratio_of_medians
from bench.table import Row

# The goals of the project, and what vantage6's Docker node 4.15.2 was measured to need.
SINGLE_SECONDS, DOCKER_SINGLE = 2.0, 2.81
RATIO = 1.10
REQUESTS_A_RUN = 4.0
BURST_SECONDS, DOCKER_BURST = 13.0, 30.5
CENTRAL_SECONDS, DOCKER_CENTRAL = 5.0, 7.56
KILL_SECONDS, DOCKER_KILL = 2.0, 0.21


@dataclass(frozen=True)
class Posted:
    """A task: its number, when the client was called, sent its request, and had the answer.

    At the last of these moments the server has the task; that is when the raw client begins.
    """

    number: int
    called: float
    sent: float
    reached: float


@dataclass(frozen=True)
class Moments:
    """One run.

    Attributes:
        posted: its task.
        received: the node has it on disk.
        job_created: Kubernetes has its Job.
        collected: the node has its result on disk.
        seen: the client sees it finished.
    """

    posted: Posted
    received: float
    job_created: float
    collected: float
    seen: float

    @property
    def whole(self) -> float:
        """From the client's call to the end as the client sees it."""
        return self.seen - self.posted.called


def single_rows(runs: Sequence[Moments]) -> list[Row]:
    """Runs one at a time, and who took how much of it."""
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
    """The median over the raw client's, with what both are and how sure the ratio is."""
    low, high = ratio_interval(node, raw)
    note = (
        f"medians: node {median(node):.2f} s, raw {median(raw):.2f} s; "
        f"95 % interval of the ratio {low:.2f} to {high:.2f}"
    )
    return Row(f"{what}, node / raw", ratio_of_medians(node, raw), "x", goal, note)


def seconds_row(what: str, values: Sequence[float], goal: float, docker: float) -> Row:
    """The median of a series beside its goal and the Docker node's."""
    note = f"{spread(values)}; the Docker node: {docker} s"
    return Row(f"{what}, n = {len(values)}", median(values), "s", goal, note)


def spread(values: Sequence[float]) -> str:
    """Least, 0.9 quantile and most."""
    return f"min {min(values):.2f}, p90 {quantile(values, 0.9):.2f}, max {max(values):.2f} s"


@dataclass(frozen=True)
class Restart:
    """What became of the runs that went on while their node was away.

    Attributes:
        how: it went away.
        runs: so many.
        completed: have the right result.
        pods: there ever were for them.
        until: seconds from the node's end to the last result.
    """

    how: str
    runs: int
    completed: int
    pods: int
    until: float


def restart_rows(restarts: Sequence[Restart]) -> list[Row]:
    """Lost and doubled runs must be none."""
    rows = []
    for each in restarts:
        note = f"{each.completed} of {each.runs} completed; last after {each.until:.1f} s"
        lost, twice = float(each.runs - each.completed), float(each.pods - each.runs)
        rows.append(Row(f"node {each.how} with {each.runs} runs: lost", lost, "runs", 0.0, note))
        rows.append(Row(f"node {each.how} with {each.runs} runs: run twice", twice, "runs", 0.0))
    return rows
