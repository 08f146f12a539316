"""The engine's book of runs: all runs that are not over, and their waiting line. Memory only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from node_poc.engine.fair_line import FairLine
from node_poc.engine.quota_gate import QuotaGate
from node_poc.runs import diagnosis
from node_poc.runs.holds import Hold
from node_poc.runs.model import Failure, Run, Stage
from node_poc.runs.observed import JobObservation, Observation, PodObservation
from node_poc.runs.ports import RunSummary
from node_poc.runs.trusted_images import SettledImage
from node_poc.storage.records import RunRecord

_IN_FLIGHT = frozenset({Stage.ACCEPTED, Stage.CREATED})
_AT_THE_LINE = frozenset({Stage.QUEUED, Stage.ACCEPTED})


class RunBook:
    """Runs in the order of their arrival.

    Only the engine's thread may change the book. Any thread may ask whether a run is in the book,
    and call the methods that are documented as safe in any thread.
    """

    def __init__(
        self,
        in_flight_limit: int,
        pause: Callable[[int], float] = lambda _: 1.0,
        *,
        settles_images: bool = False,
    ) -> None:
        """Create an empty book.

        Args:
            in_flight_limit: the most Jobs that may be unfinished at a time.
            pause: maps the number of refusals in a row by a quota to the seconds to wait.
            settles_images: whether a run joins the line only after ``note_image``.
        """
        self._limit = in_flight_limit
        self._gate = QuotaGate(pause)
        self._runs: dict[int, Run] = {}
        self._records: dict[int, RunRecord] = {}
        self._line = FairLine()
        self._known_since: dict[int, float] = {}
        self._holds: dict[Hold, Failure] = {}
        self._settles_images = settles_images
        self._unsettled: set[int] = set()
        self._not_asked: list[int] = []

    def __contains__(self, run_id: int) -> bool:
        return run_id in self._runs

    def __getitem__(self, run_id: int) -> Run:
        return self._runs[run_id]

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._runs.values()))

    def is_about_run(self, seen: Observation) -> bool:
        """Whether an observation concerns a run of the book, not a former run of the same id."""
        if seen.run_id not in self._runs:
            return False
        if not isinstance(seen, JobObservation | PodObservation) or not seen.content:
            return True
        return seen.content == self._records[seen.run_id].digest

    def find(self, run_id: int) -> Run | None:
        """Return a run, or None if the run is not in the book."""
        return self._runs.get(run_id)

    def record(self, run_id: int) -> RunRecord:
        """Return the record of a run that is in the book. Raises KeyError for other runs."""
        return self._records[run_id]

    def find_record(self, run_id: int) -> RunRecord | None:
        """Return a run's record, or None if the run is not in the book. Safe in any thread."""
        return self._records.get(run_id)

    def unended_ids(self) -> tuple[int, ...]:
        """Return the ids of all runs that have not ended."""
        return tuple(run.run_id for run in self._runs.values() if not run.has_ended)

    def add(self, run: Run, record: RunRecord) -> Run:
        """Add a run, and put a queued run into the waiting line; return the run as added.

        A run whose image must be settled joins the line later, with ``note_image``.
        """
        if run.stage is Stage.QUEUED and not run.kill_requested:
            if self._settles_images and record.image_digest is None:
                self._unsettled.add(run.run_id)
                self._not_asked.append(run.run_id)
            else:
                run = self._join_line(run, record)
        self._runs[run.run_id] = run
        self._records[run.run_id] = record
        return run

    def _join_line(self, run: Run, record: RunRecord) -> Run:
        others = len(self._line)
        before = self._line.add(run.run_id, record.owner)
        if others or self._in_flight() >= self._limit or self.quota_refuses or self._holds:
            return replace(run, failure=self._queued(before))
        return run

    def take_unsettled(self) -> list[RunRecord]:
        """Return the records of the added runs whose image must be settled, each only once."""
        records = [self._records[run_id] for run_id in self._not_asked if run_id in self._records]
        self._not_asked = []
        return records

    def waits_for_image(self, run_id: int) -> bool:
        """Whether a run waits for ``note_image``. Safe in any thread."""
        return run_id in self._unsettled

    def note_image(self, run_id: int, image: SettledImage) -> Run | None:
        """Put a run whose image is settled into the line; None if the run no longer waits."""
        if run_id not in self._unsettled:
            return None
        self._unsettled.discard(run_id)
        record = replace(
            self._records[run_id], image_digest=image.digest, signed_by=image.signed_by
        )
        self._records[run_id] = record
        run = replace(self._runs[run_id], waiting=None, failure=None)
        self._runs[run_id] = self._join_line(run, record)
        return self._runs[run_id]

    def _queued(self, before: int) -> Failure:
        held = next((self._holds[hold] for hold in Hold if hold in self._holds), None)
        return held or diagnosis.queued(before, by_quota=self.quota_refuses)

    def update(self, run: Run) -> None:
        """Replace the run's state, and take a run that no longer waits out of the line."""
        was = self._runs.get(run.run_id)
        self._runs[run.run_id] = run
        if run.stage is not Stage.QUEUED:
            self._unsettled.discard(run.run_id)
        if run.stage in _AT_THE_LINE or was is None or was.stage not in _AT_THE_LINE:
            return
        self._line.forget(run.run_id)
        if run.stage is Stage.CREATED:
            self._gate.note_success(run.run_id)
        self._gate.note_end(run.run_id)

    def put_back(self, run: Run) -> float | None:
        """Put a run that a quota refused back into its former place in the waiting line.

        Returns:
            the seconds until ``resume`` is due; None if an earlier refusal set a pause already.
        """
        self._runs[run.run_id] = run
        self._line.put_back(run.run_id)
        return self._gate.note_refusal(run.run_id)

    @property
    def quota_refuses(self) -> bool:
        """Whether a quota keeps runs out, judging by the latest attempts."""
        return not self._gate.is_open

    @property
    def pauses(self) -> int:
        """The number of the latest pause that a quota caused, for ``resume``."""
        return self._gate.pauses

    def resume(self, pause: int) -> None:
        """Let one run try again, if ``pause`` is the number of the latest pause."""
        self._gate.resume(pause)

    def drop(self, run_id: int) -> bool:
        """Remove a run that is over; return whether the run was in the book."""
        self._records.pop(run_id, None)
        self._unsettled.discard(run_id)
        self._known_since.pop(run_id, None)
        return self._runs.pop(run_id, None) is not None

    def note_hold(self, hold: Hold, failure: Failure | None) -> list[Run]:
        """Start no run while one or more holds last; None ends this hold.

        Returns:
            the runs of the waiting line, which now wait for another reason.
        """
        if failure is None:
            self._holds.pop(hold, None)
        else:
            self._holds[hold] = failure
        for before, run_id in enumerate(self._line):
            if self._runs[run_id].waiting is None:  # else a quota's refusal says more
                self._runs[run_id] = replace(self._runs[run_id], failure=self._queued(before))
        return [self._runs[run_id] for run_id in self._line]

    def take_next(self) -> RunRecord | None:
        """Take the next run out of the waiting line and mark it accepted, if there is room.

        Returns:
            the run's record; None if no run waits or none may start now.
        """
        waiting = len(self._line)
        if self._holds or not waiting or not self._gate.may_try:
            return None
        if self._in_flight() >= self._limit:
            return None
        run_id = next(islice(self._line, self._gate.choose(waiting), None))
        self._line.take(run_id)
        self._gate.note_try(run_id)
        run = self._runs[run_id]
        # A quota's refusal remains the reason until the run's Job exists.
        failure = run.failure if run.waiting else None
        self._runs[run_id] = replace(run, stage=Stage.ACCEPTED, failure=failure)
        return self._records[run_id]

    def waits_for_job(self, run_id: int) -> bool:
        """Whether a run's Job must still be created: not seen yet, and no kill requested.

        A kill may have removed the Job already. Safe in any thread.
        """
        run = self._runs.get(run_id)
        return run is not None and run.stage is Stage.ACCEPTED and not run.kill_requested

    def _in_flight(self) -> int:
        return len(self.in_flight_ids())

    def in_flight_ids(self) -> list[int]:
        """Return the ids of the runs whose Job has not ended, or is being created."""
        return [run.run_id for run in self._runs.values() if run.stage in _IN_FLIGHT]

    def knows_job(self, run_id: int) -> bool:
        """Whether the node knows that Kubernetes has the run's Job."""
        return run_id in self._known_since

    def note_kill(self, run_id: int) -> None:
        """Record that a kill of the run was requested."""
        self._records[run_id] = replace(self._records[run_id], kill_requested=True)

    def note_job(self, run_id: int, since: float, created_at: float | None = None) -> None:
        """Record that Kubernetes has the run's Job.

        Args:
            run_id: the run.
            since: when the node knew of the Job first, in monotonic seconds.
            created_at: when the Job was created, in seconds since the epoch, if known.
        """
        self._known_since[run_id] = since
        if created_at is not None and run_id in self._records:
            record = self._records[run_id]
            self._records[run_id] = replace(record, job_created_at=created_at)

    def runs_without_job(self, present: set[int], asked_at: float) -> list[Run]:
        """Return the runs whose Job is missing from a list of Jobs.

        A Job must be in the list if the node knew of the Job before it requested the list. A queued
        run needs no Job, unless a former process received a kill for the run: then no Job will
        come, and the run counts as missing too.

        Args:
            present: ids of the runs whose Jobs are in the list.
            asked_at: when the list was requested, in monotonic seconds.
        """
        return [
            run
            for run in self._runs.values()
            if run.run_id not in present
            and (run.stage is not Stage.QUEUED or run.kill_requested)
            and self._known_since.get(run.run_id, float("inf")) < asked_at
        ]

    def runs_without_pod(self, present: set[int]) -> list[Run]:
        """Return the runs that had a pod and are not in ``present``, the runs with a pod now."""
        return [run for run in self if run.pod_name and run.run_id not in present]

    def summaries(self, run_id: int | None = None) -> list[RunSummary]:
        """Return all runs, with their current places in the waiting line.

        With ``run_id``: only this run, or nothing if the book has no such run.
        """
        runs = [run for run in self if run_id in (None, run.run_id)]
        # Only a look at a waiting run needs the line, which may be long.
        line = self._line if any(run.stage is Stage.QUEUED for run in runs) else ()
        places = {waiting: place for place, waiting in enumerate(line, 1)}
        return [self._summary(run, places.get(run.run_id)) for run in runs]

    def _summary(self, run: Run, place: int | None) -> RunSummary:
        if place is not None and run.waiting is None:
            run = replace(run, failure=self._queued(place - 1))
        return RunSummary(run, self._records[run.run_id].spec.image, place)
