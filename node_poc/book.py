"""The engine's book of runs: all that are not over, and who waits for whom. Nothing but memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from node_poc.runs import diagnosis
from node_poc.runs.model import Run, Stage
from node_poc.storage.records import RunRecord

_IN_FLIGHT = frozenset({Stage.ACCEPTED, Stage.CREATED})


@dataclass(frozen=True)
class Entry:
    """One run of the book. ``position``: its place among those that wait, from 1; None if not."""

    run: Run
    record: RunRecord
    position: int | None


class RunBook:
    """Runs in the order they came. Used by the engine's thread only."""

    def __init__(self, in_flight_limit: int) -> None:
        """``in_flight_limit``: Jobs that have not ended, at the most."""
        self._limit = in_flight_limit
        self._runs: dict[int, Run] = {}
        self._records: dict[int, RunRecord] = {}
        self._line: deque[int] = deque()
        self._known_since: dict[int, float] = {}

    def __contains__(self, run_id: int) -> bool:
        return run_id in self._runs

    def __getitem__(self, run_id: int) -> Run:
        return self._runs[run_id]

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._runs.values()))

    def record(self, run_id: int) -> RunRecord:
        """What is remembered of a run of the book."""
        return self._records[run_id]

    def find_record(self, run_id: int) -> RunRecord | None:
        """What is remembered of a run, if it is in the book. May be asked in any thread."""
        return self._records.get(run_id)

    def going(self) -> tuple[int, ...]:
        """Ids of all runs that have not ended."""
        return tuple(run.run_id for run in self._runs.values() if not run.has_ended)

    def add(self, run: Run, record: RunRecord) -> Run:
        """Enter a run; a queued one goes to the end of the line. Returns it as entered."""
        if run.stage is Stage.QUEUED and not run.kill_requested:
            in_flight = self._in_flight()
            before = len(self._line)
            if before or in_flight >= self._limit:
                run = replace(run, failure=diagnosis.queued(before))
            self._line.append(run.run_id)
        self._runs[run.run_id] = run
        self._records[run.run_id] = record
        return run

    def update(self, run: Run) -> None:
        """Put the run as it is now."""
        self._runs[run.run_id] = run
        if run.stage is not Stage.QUEUED and run.run_id in self._line:
            self._line.remove(run.run_id)

    def drop(self, run_id: int) -> bool:
        """Strike a run that is over. Returns whether it was in the book."""
        self._records.pop(run_id, None)
        self._known_since.pop(run_id, None)
        return self._runs.pop(run_id, None) is not None

    def take_next(self) -> RunRecord | None:
        """Take the first of the line if there is room; its run is then being started."""
        if not self._line or self._in_flight() >= self._limit:
            return None
        run_id = self._line.popleft()
        self._runs[run_id] = replace(self._runs[run_id], stage=Stage.ACCEPTED, failure=None)
        return self._records[run_id]

    def waits_for_job(self, run_id: int) -> bool:
        """Whether a run's Job is wanted, and was not seen yet. May be asked in any thread.

        That of a run which is to be killed is not: a kill may have removed it already.
        """
        run = self._runs.get(run_id)
        return run is not None and run.stage is Stage.ACCEPTED and not run.kill_requested

    def _in_flight(self) -> int:
        return sum(run.stage in _IN_FLIGHT for run in self._runs.values())

    def knows_job(self, run_id: int) -> bool:
        """Whether Kubernetes is known to have the run's Job."""
        return run_id in self._known_since

    def note_kill(self, run_id: int) -> None:
        """Note that the run is to be killed."""
        self._records[run_id] = replace(self._records[run_id], kill_requested=True)

    def job_known(self, run_id: int, since: float, created_at: float | None = None) -> None:
        """Kubernetes has the run's Job since then (monotonic seconds; ``created_at``: epoch)."""
        self._known_since[run_id] = since
        if created_at is not None and run_id in self._records:
            record = self._records[run_id]
            self._records[run_id] = replace(record, job_created_at=created_at)

    def missing_from(self, present: set[int], asked_at: float) -> list[Run]:
        """Runs whose Job must be in a list asked for at ``asked_at``, and is not.

        A queued run needs no Job yet, but one that was killed in a former process waits for none.
        """
        return [
            run
            for run in self._runs.values()
            if run.run_id not in present
            and (run.stage is not Stage.QUEUED or run.kill_requested)
            and self._known_since.get(run.run_id, float("inf")) < asked_at
        ]

    def podless(self, present: set[int]) -> list[Run]:
        """Runs that had a pod, and are not among those that have one."""
        return [run for run in self if run.pod_name and run.run_id not in present]

    def entries(self) -> list[Entry]:
        """All runs, with their places in the line."""
        places = {run_id: place for place, run_id in enumerate(self._line, 1)}
        return [
            Entry(run, self._records[run_id], places.get(run_id))
            for run_id, run in self._runs.items()
        ]
