"""PURE: the verdict that follows from the reports of the pods of a self-test."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from node_poc.config.model import NodeConfig
from node_poc.isolation.self_test.reports import Report, Tries
from node_poc.isolation.self_test.targets import MACHINE, Target, is_opened
from node_poc.runs.walls_verdict import Enforcement, WallsVerdict, unknown

#: The way into a pod of an algorithm.
INWARD = "from another pod"
#: A way is closed if nothing came through in the last part of the test.
CLOSED_MS = 3000
# A single pod may start at a lucky moment: policies of some clusters take up to a second.
_FEWEST_PODS = 4


@dataclass(frozen=True)
class ReportedTester:
    """A pod under the walls, with its report. Its first target is the proxy, which must answer."""

    targets: tuple[Target, ...]
    report: Report

    @property
    def has_network(self) -> bool:
        """Whether the proxy answered to the end: without a network, every way looks closed."""
        proxy = self.report.targets[0]
        return proxy.through > 0 and not self._is_closed(proxy)

    def tries(self, config: NodeConfig) -> Iterable[tuple[str, Tries]]:
        """Return all forbidden ways, the way into the pod included, and what was seen of them."""
        for target, tries in zip(self.targets[1:], self.report.targets[1:], strict=True):
            machine = target.host == MACHINE and self.report.machine
            if not (machine and is_opened(config, machine, target.port)):
                yield target.way, tries
        yield INWARD, self.report.accepted

    def is_open(self, tries: Tries) -> bool:
        """Whether a way was still open at the end."""
        return tries.through > 0 and not self._is_closed(tries)

    def _is_closed(self, tries: Tries) -> bool:
        return tries.last_ms < self.report.ended_ms - CLOSED_MS


def judge(
    config: NodeConfig,
    testers: Sequence[ReportedTester],
    live: Collection[str],
    troubles: Sequence[str],
    made_at: float,
) -> WallsVerdict:
    """Return the verdict.

    A connection that came through counts in any case. That no connection came through is a proof
    only for a way whose destination is up, and only in a pod with a working network.

    Args:
        config: configuration of the node.
        testers: the pods under the walls that have reported.
        live: the ways whose destinations others have reached.
        troubles: why other pods have not reported.
        made_at: when the test ended, in seconds since the epoch.
    """
    seen = [(each, way, tries) for each in testers for way, tries in each.tries(config)]
    through = [(each, way, tries) for each, way, tries in seen if tries.through]
    live = {*live, *(way for _, way, _ in through)}
    tried = {way for _, way, tries in seen if tries.tries or way == INWARD}
    proven = [each for each in testers if each.has_network]
    facts = WallsVerdict(
        Enforcement.AT_ONCE,
        tested=tuple(sorted(tried & live)),
        not_tested=tuple(sorted({way for _, way, _ in seen} - (tried & live))),
        pods=len(proven),
        made_at=made_at,
    )
    if still := _ways(way for each, way, tries in through if each.is_open(tries)):
        return _changed(facts, Enforcement.NOT, open_ways=still)
    if through:
        return _changed(
            facts,
            Enforcement.LATE,
            window_ms=max(tries.last_ms for _, _, tries in through),
            kept=sum(tries.lived_on for _, _, tries in through),
            open_ways=_ways(way for _, way, _ in through),
        )
    if reason := _why_unknown(testers, proven, facts.tested, troubles):
        return unknown(reason, made_at)
    return facts


def _changed(facts: WallsVerdict, enforcement: Enforcement, **changes: object) -> WallsVerdict:
    return WallsVerdict.from_dict(facts.to_dict() | {"enforcement": enforcement, **changes})


def _ways(ways: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(ways)))


def _why_unknown(
    testers: Sequence[ReportedTester],
    proven: Sequence[ReportedTester],
    tested: Collection[str],
    troubles: Sequence[str],
) -> str:
    """Return why the test proves nothing; empty if the test proves that the ways are closed."""
    if len(testers) < _FEWEST_PODS:
        why = "; ".join(dict.fromkeys(troubles)) or "they told nothing"
        return f"only {len(testers)} pods of the self-test reported: {why}"
    if len(proven) < _FEWEST_PODS:
        return (
            f"the proxy answered only {len(proven)} of {len(testers)} pods of the self-test to "
            "the end, and without a network every way looks closed"
        )
    if not set(tested) - {INWARD}:
        return "none of the forbidden destinations answered the control pod or the node"
    return ""
