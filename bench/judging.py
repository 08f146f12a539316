"""PURE: turn the moments of runs into rows with goals. Only this module has the goals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.figures import median, quantile, ratio_interval, ratio_of_medians
from bench.plan import Who
from bench.table import Row, written
from bench.timed_run import TimedRun, of

SINGLE_RATIO = 1.05
BURST_RATIO = 1.10
ACCEPTED_SECONDS = (0.025, 0.100)  # p50, p99
RESULT_SECONDS = (0.100, 0.500)
RESTART_SECONDS = 3.0
IDLE_REQUESTS_A_MINUTE = 6.0
IDLE_MILLICORES = 3.0


def single_rows(runs: Sequence[TimedRun]) -> list[Row]:
    """Return the rows of runs one at a time."""
    node, raw = of(runs, Who.NODE), of(runs, Who.RAW)
    whole = _compared(
        f"request to result, n = {len(node)}",
        [run.whole for run in node],
        [run.whole for run in raw],
        SINGLE_RATIO,
    )
    return [whole, _own_time(node, raw), *_parts(runs, goals=True)]


def burst_rows(rounds: Sequence[Sequence[TimedRun]]) -> list[Row]:
    """Return the rows of bursts: each round is one client's runs, requested at once."""
    size = max(len(burst) for burst in rounds)
    last: dict[Who, list[float]] = {who: [] for who in Who}
    for burst in rounds:
        first = min(run.asked for run in burst)
        last[burst[0].who].append(max(run.result for run in burst) - first)
    what = f"burst of {size}: last result, {len(last[Who.NODE])} rounds"
    runs = [run for burst in rounds for run in burst]
    rows = [_compared(what, last[Who.NODE], last[Who.RAW], BURST_RATIO)]
    return rows + _parts(runs, goals=False, prefix="in a burst: ")


def protection_row(
    name: str,
    with_it: Sequence[TimedRun],
    without_it: Sequence[TimedRun],
    goal: float | None = None,
) -> Row:
    """Return the row of a protection, by runs of the node with and without it."""
    ours = [run.without_kubelets_wait for run in with_it]
    theirs = [run.without_kubelets_wait for run in without_it]
    low, high = ratio_interval(ours, theirs)
    note = (
        f"medians: {written(median(ours), 's')} and {written(median(theirs), 's')}; "
        f"95 % interval of the ratio {low:.2f} to {high:.2f}; the node's own part "
        f"{written(_own(with_it), 'ms')} and {written(_own(without_it), 'ms')}; whole runs "
        f"{written(_whole(with_it), 's')} and {written(_whole(without_it), 's')}"
    )
    what = f"{name}: request to result, n = {len(with_it)}, with / without"
    return Row(what, ratio_of_medians(ours, theirs), "x", goal, note)


def _whole(runs: Sequence[TimedRun]) -> float:
    return median([run.whole for run in runs])


def audit_row(awaited: Sequence[float], runs: Sequence[float]) -> Row:
    """Return the row of the audit trail.

    Args:
        awaited: seconds of the entries for which a run waits.
        runs: seconds of runs from request to result, which include such entries.
    """
    share = 1 + median(awaited) / median(runs)
    note = (
        f"p99 {written(quantile(awaited, 0.99), 'ms')}; the median is the same as {share:.3f} x of "
        f"a run's {written(median(runs), 's')}, in which it is contained"
    )
    return Row(
        f"audit trail: entries of a run, n = {len(awaited)}", median(awaited), "ms", None, note
    )


def _compared(what: str, node: Sequence[float], raw: Sequence[float], goal: float) -> Row:
    low, high = ratio_interval(node, raw)
    note = (
        f"medians: node {written(median(node), 's')}, raw {written(median(raw), 's')}; "
        f"95 % interval of the ratio {low:.2f} to {high:.2f}"
    )
    return Row(f"{what}, node / raw", ratio_of_medians(node, raw), "x", goal, note)


def _own_time(node: Sequence[TimedRun], raw: Sequence[TimedRun]) -> Row:
    """Return the node's own share, without the kubelet's random delays, which shift medians."""
    added = _own(node) - _own(raw)
    share = 1 + added / median([run.whole for run in raw])
    note = (
        "request to Job seen, and end told to result, medians, node minus raw: the same as "
        f"{share:.3f} x, without the chance of the kubelet's one-second look"
    )
    return Row("what the node adds to a run", added, "ms", note=note)


def _own(runs: Sequence[TimedRun]) -> float:
    """Return the time from the request to the Job and from the end's report to the result."""
    return median([run.to_job for run in runs]) + median([run.after_seen_end for run in runs])


def _parts(runs: Sequence[TimedRun], *, goals: bool, prefix: str = "") -> list[Row]:
    accepted = ACCEPTED_SECONDS if goals else None
    result = RESULT_SECONDS if goals else None
    return [
        *_p50_p99(runs, f"{prefix}event received to Job accepted", _accepting, accepted),
        *_p50_p99(runs, f"{prefix}request to Job seen by others", lambda r: r.to_job, None),
        *_p50_p99(runs, f"{prefix}container's end to result", lambda r: r.after_end, result),
        *_p50_p99(runs, f"{prefix}Kubernetes tells the end to result", _after_seen_end, result),
    ]


def _accepting(run: TimedRun) -> float:
    return run.accepting


def _after_seen_end(run: TimedRun) -> float:
    return run.after_seen_end


def _p50_p99(
    runs: Sequence[TimedRun],
    what: str,
    time_of: Callable[[TimedRun], float],
    goals: tuple[float, float] | None,
) -> list[Row]:
    node, raw = ([time_of(run) for run in of(runs, who)] for who in (Who.NODE, Who.RAW))
    rows = []
    for number, share in enumerate((0.5, 0.99)):
        note = f"raw client: {written(quantile(raw, share), 'ms')}"
        goal = None if goals is None else goals[number]
        name = f"{what}, p{share * 100:.0f}"
        rows.append(Row(name, quantile(node, share), "ms", goal, note))
    return rows


def processor_rows(what: str, seconds: Mapping[str, float], runs: int) -> list[Row]:
    """Return processor seconds per run by part, the greatest first, and their sum."""
    parts = sorted(seconds.items(), key=lambda item: -item[1])
    every = Row(f"processor seconds a run, {what}: all", sum(seconds.values()) / runs, "s")
    return [every, *(Row(f"    {part}", took / runs, "s") for part, took in parts)]


def idle_processor_row(
    seconds: Mapping[str, float], passed: float, parts: Sequence[str], goal: float | None
) -> Row:
    """Return the processor time of an idle node: millicores of these parts together."""
    millicores = {part: 1000 * seconds[part] / passed for part in parts}
    note = ", ".join(f"{part} {value:.1f}" for part, value in millicores.items())
    what = f"processor when idle: {' and '.join(parts)}"
    return Row(what, sum(millicores.values()), "millicores", goal, f"{note}; over {passed:.0f} s")
