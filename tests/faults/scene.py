"""What a fault works on: the station, the runs it is sent, what is seen of them."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from typing import Any

from tests.cluster.station import Event, wait_for
from tests.faults.matrix import Expected, RunSeen, Verdict, drawn_in, judge
from tests.faults.station import FaultStation
from tests.faults.watching import PodWatch

from emitter_client import EventKind  # isort: skip  found by tests.cluster.station

# After the fault is over: the longest wait of the node (a watch that is silent) and then some.
PATIENCE_SECONDS = 180.0
# What is delivered twice with another content would come at once.
_LATE_SECONDS = 1.5
_DEFAULT = (Expected(),)
_words = itertools.count(1)


class DidNotStrikeError(Exception):
    """The fault was not really there, so that nothing is shown by it."""


def parts_of(whole: int, count: int) -> list[int]:
    """Divide a number into so many parts, as equal as can be."""
    return [whole * (n + 1) // count - whole * n // count for n in range(count)]


class Scene:
    """One fault's runs. ``hurry``: for the sample, with shorter outages."""

    def __init__(
        self, station: FaultStation, pods: PodWatch, runs: int, *, hurry: bool = False
    ) -> None:
        self.station = station
        self.pods = pods
        self.hurry = hurry
        self.runs: dict[int, RunSeen] = {}
        self.expected: Callable[[RunSeen], tuple[Expected, ...]] = lambda _: _DEFAULT
        #: What is put right when the runs have been judged, in this order.
        self.afterwards: list[Callable[[], None]] = []
        self._wanted = runs
        self._payloads: dict[int, dict[str, Any]] = {}
        self._emitter = station.emitter(self._note)
        self._results: dict[int, dict[str, Any]] = {}
        self._refused: dict[int, str] = {}
        self._random = random.Random(runs)  # noqa: S311  how long runs stay, no secret

    def __enter__(self) -> Scene:
        self._emitter.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._emitter.close()

    # --- sending

    def parts(self, count: int) -> list[int]:
        """The runs divided into so many parts."""
        return parts_of(self._wanted, count)

    def send(self, count: int, seconds: tuple[float, float] = (0, 3), over: float = 0.0) -> None:
        """Post runs, evenly over a time; each stays in its container for some of ``seconds``."""
        for _ in range(count):
            word = f"word-{next(_words)}"
            stay = f"{self._random.uniform(*seconds):.1f}"
            payload = self.station.payload(word, stay)
            self.runs[payload["run_id"]] = RunSeen(payload["run_id"], word)
            self._payloads[payload["run_id"]] = payload
            self._emitter.submit(payload)
            time.sleep(over / count if over else 0.001)

    def send_again(self, run_id: int) -> None:
        """Post a run once more, as a person does whose command was refused."""
        self._refused.pop(run_id, None)
        self._emitter.submit(self._payloads[run_id])

    def _note(self, event: Event) -> None:
        if event.run_id is None:
            return
        if event.kind is EventKind.RESULT:
            self._results[event.run_id] = event.data
        elif event.kind is EventKind.REJECTED or event.data.get("state") == "refused":
            self._refused[event.run_id] = str(event.data.get("reason"))

    # --- looking

    def has_ended(self, run_id: int) -> bool:
        """Whether the run's result came back, or the run was refused."""
        return run_id in self._results or run_id in self._refused

    def refused(self) -> dict[int, str]:
        """Runs that the node would not take, and why."""
        return dict(self._refused)

    def await_results(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until every run has its result, or the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not all(map(self.has_ended, self.runs)):
            time.sleep(0.1)

    def await_running(self, count: int) -> None:
        """Wait until so many of the runs are in their containers."""
        wait_for(
            lambda: len(self.pods.running() & set(self.runs)) >= count, f"{count} runs are running"
        )

    def await_node(self) -> None:
        """Wait until the node is ready again."""
        self.station.wait_ready()

    def strike_seen(self, check: Callable[[], Any], what: str, seconds: float = 60.0) -> None:
        """Make sure that the fault is there. Raises DidNotStrikeError."""
        try:
            wait_for(check, what, seconds)
        except AssertionError as error:
            raise DidNotStrikeError(str(error)) from error

    def verdicts(self) -> list[tuple[RunSeen, Verdict]]:
        """Collect what was seen of each run, and judge it."""
        time.sleep(_LATE_SECONDS)
        self.pods.look()
        delivered = self.station.server.delivered()
        for run_id, run in self.runs.items():
            run.result = self._results.get(run_id)
            run.delivered = delivered.get(run_id, [])
            run.pods = self.pods.started(run_id)
            notes = self.station.tasks_seen / str(run_id) / "output" / "ran.txt"
            run.notes = drawn_in(notes.read_text(), run.word) if notes.exists() else []
        return [(run, judge(run, *self.expected(run))) for run in self.runs.values()]
