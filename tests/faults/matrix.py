"""PURE: judge the observations of each run, and count the verdicts for each fault."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """The outcome of a run after a fault. Verdicts are reported in this order."""

    DOUBLED = "doubled"
    LOST = "lost"
    WRONG = "wrong"
    RIGHT = "right"


@dataclass
class RunSeen:
    """The observations of a run, none of them reported by the node.

    Attributes:
        word: the run's own argument.
        result: the result received by the emitter, None if nothing came in time.
        delivered: every result of this run that reached the server.
        notes: the numbers that the run's executions drew and wrote down.
        pods: the run's pods with a container that was ever started, and their cluster nodes.
    """

    run_id: int
    word: str
    result: dict[str, Any] | None = None
    delivered: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pods: dict[str, str] = field(default_factory=dict)

    @property
    def executions(self) -> set[str]:
        """Return the numbers that the run's executions drew, from the disk and the logs."""
        logged = [
            drawn for result in self.delivered for drawn in drawn_in(result["log"], self.word)
        ]
        return {*self.notes, *logged}

    @property
    def is_doubled(self) -> bool:
        """Return whether the run was executed twice, or gave two results."""
        contents = {json.dumps(result, sort_keys=True) for result in self.delivered}
        return len(contents) > 1 or len(self.executions) > 1 or len(self.pods) > 1


def drawn_in(text: str, word: str) -> list[str]:
    """Return the numbers drawn by executions for this word, from a log or a file of notes."""
    return re.findall(rf"^ran {re.escape(word)} (\S+)$", text, flags=re.MULTILINE)


@dataclass(frozen=True)
class Expected:
    """The right end of a run: its status, and its cause if the status has one."""

    status: str = "completed"
    cause: str | None = None

    def fits(self, run: RunSeen) -> bool:
        """Return whether the run ended this way."""
        result = run.result or {}
        if (result.get("status"), result.get("cause") or None) != (self.status, self.cause):
            return False
        return self.status != "completed" or len(run.executions) == 1


def judge(run: RunSeen, *expected: Expected) -> Verdict:
    """Return the verdict of a run that may end in any of the ways ``expected``."""
    if run.is_doubled:
        return Verdict.DOUBLED
    if run.result is None:
        return Verdict.LOST
    if not any(way.fits(run) for way in expected):
        return Verdict.WRONG
    return Verdict.RIGHT


@dataclass
class Row:
    """A row of the table.

    Attributes:
        struck: the proof that the fault was really there.
        ends: the number of runs for each end, as several ends may be right.
    """

    fault: str
    struck: str
    seconds: float
    counts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    trouble: list[str] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)

    @property
    def sent(self) -> int:
        """Return how many runs were sent."""
        return sum(self.counts.values())

    @property
    def is_good(self) -> bool:
        """Return whether the fault was shown, there were runs, and each ended right."""
        return bool(self.struck) and self.sent > 0 and self.counts[Verdict.RIGHT] == self.sent

    def revise(self, run: RunSeen, old: Verdict, new: Verdict) -> None:
        """Count a run again after later observations."""
        self.counts[old] -= 1
        self.counts[new] += 1
        self._note_trouble(run, new)

    def add(self, run: RunSeen, verdict: Verdict) -> None:
        """Count a run; if it did not end right, keep its observations for the diagnosis."""
        self.counts[verdict] += 1
        if run.result is not None:
            told_end = " ".join(filter(None, (run.result.get("status"), run.result.get("cause"))))
            self.ends[told_end] = self.ends.get(told_end, 0) + 1
        if verdict is not Verdict.RIGHT:
            self._note_trouble(run, verdict)

    def _note_trouble(self, run: RunSeen, verdict: Verdict) -> None:
        told = {k: (run.result or {}).get(k) for k in ("status", "cause", "detail", "exit_code")}
        seen = f"{len(run.delivered)} delivered, pods {run.pods}, drew {sorted(run.executions)}"
        self.trouble.append(f"run {run.run_id} {verdict.value}: {told}, {seen}")
