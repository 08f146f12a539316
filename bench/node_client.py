"""The node as its users see it: post a command to the dummy server, and wait for the result."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from bench.errors import BenchError
from bench.plan import Who
from bench.station import PATIENCE_SECONDS, BenchStation
from bench.timed_run import TimedRun


class NodeClient:
    """An emitter that records arrival times. Use ``node_client`` to make one."""

    def __init__(self, station: BenchStation) -> None:
        """Take the station; ``emitter`` must be set before the first request."""
        self._station = station
        self.emitter: Any = None
        self._lock = threading.Lock()
        self._asked: dict[int, float] = {}
        self._acks: dict[int, Any] = {}
        self._results: dict[int, tuple[float, dict[str, Any]]] = {}
        self._statuses: dict[int, tuple[float, dict[str, Any]]] = {}

    def on_event(self, event: Any) -> None:
        """Record an event and its time; called in the emitter's thread."""
        now = time.time()
        with self._lock:
            if event.kind.value == "result":
                self._results[event.run_id] = now, event.data
            elif event.kind.value == "status":
                self._statuses[event.run_id] = now, event.data

    def payload(self) -> dict[str, Any]:
        """Return the command of a new run of the measured algorithm."""
        station = self._station
        made: dict[str, Any] = station.payload(*station.arguments(), image=station.image)
        return made

    def start(self, payload: dict[str, Any]) -> int:
        """Post a command and return its run id at once."""
        run_id: int = payload["run_id"]
        self._asked[run_id] = time.time()
        self._acks[run_id] = self.emitter.submit(payload)
        return run_id

    def await_accepted(self, run_id: int) -> None:
        """Wait until the node has accepted a run. Raise BenchError."""
        answer = self._acks[run_id].result(PATIENCE_SECONDS)
        if not answer["accepted"]:
            raise BenchError(f"run {run_id} was refused: {answer.get('reason')}")

    def finish(self, run_id: int) -> TimedRun:
        """Wait for the run's result. Raise BenchError."""
        self.await_accepted(run_id)
        self.emitter.wait(run_id, timeout_s=PATIENCE_SECONDS)
        with self._lock:
            came, result = self._results[run_id]
        if result["status"] != "completed":
            raise BenchError(f"run {run_id} ended as {result['status']}: {result['detail']}")
        seen, until = self._station.sightings, came + PATIENCE_SECONDS
        timeline = result["timeline"]
        return TimedRun(
            who=Who.NODE,
            asked=self._asked[run_id],
            received=_seconds(timeline["received"]),
            created=_seconds(timeline["job_created"]),
            job_seen=seen.wait(seen.jobs, run_id, until),
            ended=self._station.read_end(run_id),
            seen_end=seen.wait(seen.ends, run_id, until),
            result=came,
        )

    def statuses_since(self, moment: float) -> dict[int, float]:
        """Return the arrival time of each run's newest status after ``moment``."""
        with self._lock:
            return {run: came for run, (came, _) in self._statuses.items() if came > moment}


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@contextmanager
def node_client(station: BenchStation) -> Iterator[NodeClient]:
    """Make a connected client, and disconnect it afterwards."""
    made = NodeClient(station)
    with station.emitter(made.on_event) as emitter:
        made.emitter = emitter
        yield made
