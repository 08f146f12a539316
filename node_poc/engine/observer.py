"""Applies observations to the runs of the book, and starts the actions that follow."""

from __future__ import annotations

import time
from typing import assert_never

from node_poc.config.model import Limits
from node_poc.engine.background_calls import BackgroundCalls
from node_poc.engine.book import RunBook
from node_poc.engine.delivery import Delivery
from node_poc.engine.run_work import RunWork
from node_poc.engine.starts import Starts
from node_poc.observe.run_changes import log_change
from node_poc.runs.lifecycle import (
    Action,
    Collect,
    LookForEvents,
    LookForPod,
    RemoveJob,
    Report,
    Stop,
    decide,
)
from node_poc.runs.model import Run
from node_poc.runs.observed import (
    JobObservation,
    KillRequested,
    Observation,
    PodObservation,
    Tick,
    made_at,
)
from node_poc.runs.status import RunStatus


class Observer:
    """Lets ``lifecycle.decide`` change runs. Only the engine's thread may use this class."""

    def __init__(
        self,
        limits: Limits,
        book: RunBook,
        calls: BackgroundCalls,
        starts: Starts,
        delivery: Delivery,
        work: RunWork,
    ) -> None:
        """``limits`` end runs; all other arguments belong to the engine."""
        self._limits = limits
        self._book = book
        self._calls = calls
        self._starts = starts
        self._delivery = delivery
        self._work = work
        self.has_waiting_runs = True  # as of the last tick, and of each observation since

    def tick(self) -> None:
        """Let time pass for each run that waits for something, then read the wanted Events."""
        waiting = [run.run_id for run in self._book if run.is_starting or run.waiting is not None]
        self.has_waiting_runs = bool(waiting)
        for run_id in waiting:
            self.observe(Tick(run_id))
        self._calls.read_events()

    def observe(self, observation: Observation | None) -> None:
        """Apply an observation; None and observations of unknown or former runs change nothing."""
        if observation is None or not self._book.is_about_run(observation):
            return
        if isinstance(observation, KillRequested):
            self._work.notes.kill_requested(observation.run_id)
        self._note_job(observation)
        run = self._book[observation.run_id]
        changed, actions = decide(run, observation, time.monotonic(), self._limits)
        self._book.update(changed)
        if changed.is_starting or changed.waiting is not None:
            self.has_waiting_runs = True
        log_change(run, changed)
        for action in actions:
            self._act(action, changed)

    def _act(self, action: Action, run: Run) -> None:
        match action:
            case Report():
                self._delivery.put_status(run)
                if run.status is RunStatus.ACTIVE:
                    self._work.watch_container(run)
            case Stop():
                self._book.note_kill(run.run_id)
                self._calls.kill(run.run_id)
            case RemoveJob():
                self._calls.remove_job(run.run_id)
            case LookForPod():
                self._calls.look_for_pod(run)
            case LookForEvents():
                self._calls.request_events(run)
            case Collect(remove_job=remove_job):
                self._calls.collect(run, remove_job=remove_job)
                self._starts.start_next()
            case _:
                assert_never(action)

    def _note_job(self, seen: Observation) -> None:
        """Record that the run's Job exists: the Job is never created again, even if deleted."""
        if not isinstance(seen, JobObservation | PodObservation) or seen.gone:
            return
        if not self._book.knows_job(seen.run_id):
            self._book.note_job(seen.run_id, time.monotonic(), made_at(seen, time.time()))
            self._calls.write_record(seen.run_id)
