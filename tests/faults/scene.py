"""The surroundings of a fault: the station, the fault's runs, and the observations of the runs."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from typing import Any

from devstation import StationError, wait_for
from devstation.dummy_station import Event
from tests.faults.matrix import Expected, RunSeen, Verdict, drawn_in, judge
from tests.faults.station import FaultStation
from tests.faults.watching import PodWatch

from emitter_client import EventKind  # isort: skip  found by devstation.dummy_station

# After the end of the fault: the node's longest wait (a silent watch), with some reserve.
PATIENCE_SECONDS = 180.0
# A second delivery with another content would come at once.
_LATE_SECONDS = 1.5
_DEFAULT = (Expected(),)
_words = itertools.count(1)


class DidNotStrikeError(Exception):
    """The fault was not really there, so the runs prove nothing."""


def parts_of(whole: int, count: int) -> list[int]:
    """Divide a number into ``count`` parts, as equal as possible."""
    return [whole * (n + 1) // count - whole * n // count for n in range(count)]


class Scene:
    """The runs of a fault. ``hurry``: for the sample, with shorter outages."""

    def __init__(
        self, station: FaultStation, pods: PodWatch, runs: int, *, hurry: bool = False
    ) -> None:
        self.station = station
        self.pods = pods
        self.hurry = hurry
        self.runs: dict[int, RunSeen] = {}
        self.expected: Callable[[RunSeen], tuple[Expected, ...]] = lambda _: _DEFAULT
        #: Repairs for the time after the verdicts, in this order.
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
        """Return the runs' number, divided into ``count`` parts."""
        return parts_of(self._wanted, count)

    def send(self, count: int, seconds: tuple[float, float] = (0, 3), over: float = 0.0) -> None:
        """Post runs, evenly over a time; each runs for a random time within ``seconds``."""
        for _ in range(count):
            word = f"word-{next(_words)}"
            stay = f"{self._random.uniform(*seconds):.1f}"
            payload = self.station.payload(word, stay)
            self.runs[payload["run_id"]] = RunSeen(payload["run_id"], word)
            self._payloads[payload["run_id"]] = payload
            self._emitter.submit(payload)
            time.sleep(over / count if over else 0.001)

    def send_again(self, run_id: int) -> None:
        """Post a run again, as a person does after a refusal."""
        self._refused.pop(run_id, None)
        self._emitter.submit(self._payloads[run_id])

    def _note(self, event: Event) -> None:
        if event.run_id is None:
            return
        if event.kind is EventKind.RESULT:
            self._results[event.run_id] = event.data
        elif event.kind is EventKind.REJECTED or event.data.get("state") == "refused":
            self._refused[event.run_id] = str(event.data.get("reason"))

    # --- observing

    def has_ended(self, run_id: int) -> bool:
        """Return whether the run's result came back, or the run was refused."""
        return run_id in self._results or run_id in self._refused

    def refused(self) -> dict[int, str]:
        """Return the runs that the node refused, and the reasons."""
        return dict(self._refused)

    def await_results(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until every run has its result, or the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not all(map(self.has_ended, self.runs)):
            time.sleep(0.1)

    def await_running(self, count: int) -> None:
        """Wait until ``count`` of the runs are in their containers."""
        wait_for(
            lambda: len(self.pods.running() & set(self.runs)) >= count, f"{count} runs are running"
        )

    def await_node(self) -> None:
        """Wait until the node is ready again."""
        self.station.wait_ready()

    def strike_seen(self, check: Callable[[], Any], what: str, seconds: float = 60.0) -> None:
        """Make sure that the fault is there. Raise DidNotStrikeError."""
        try:
            wait_for(check, what, seconds)
        except StationError as error:
            raise DidNotStrikeError(str(error)) from error

    def verdicts(self) -> list[tuple[RunSeen, Verdict]]:
        """Collect the observations of each run, and judge the run."""
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
