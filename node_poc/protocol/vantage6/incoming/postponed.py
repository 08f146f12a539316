"""Remembers runs that could not be taken, and when to try each of them again."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from node_poc.concurrency.backoff import Backoff

_BACKOFF = Backoff(5.0, 300.0)


@dataclass(frozen=True)
class _Postponed:
    task_id: int
    failures: int
    due_at: float  # monotonic seconds


class PostponedRuns:
    """The runs that wait for another try, each with growing pauses. Thread-safe."""

    def __init__(self) -> None:
        """Start with no runs waiting."""
        self._lock = threading.Lock()
        self._runs: dict[int, _Postponed] = {}

    def postpone(self, run_id: int, task_id: int) -> int:
        """Note another failure of a run; return the number of failures."""
        with self._lock:
            known = self._runs.get(run_id)
            failures = 1 if known is None else known.failures + 1
            due_at = time.monotonic() + _BACKOFF.pause(failures - 1)
            self._runs[run_id] = _Postponed(task_id, failures, due_at)
        return failures

    def retry_in(self, run_id: int, task_id: int, seconds: float) -> None:
        """Try a run again after ``seconds``: something on this node must end first."""
        due_at = time.monotonic() + seconds
        with self._lock:
            known = self._runs.get(run_id, _Postponed(task_id, 0, due_at))
            self._runs[run_id] = replace(known, task_id=task_id, due_at=due_at)

    def failures(self, run_id: int) -> int:
        """Return the number of a run's failures."""
        with self._lock:
            known = self._runs.get(run_id)
        return 0 if known is None else known.failures

    def is_waiting(self, run_id: int) -> bool:
        """Return whether the run's pause is still going on."""
        with self._lock:
            known = self._runs.get(run_id)
        return known is not None and known.due_at > time.monotonic()

    def next_at(self) -> float:
        """Return the end of the next pause in monotonic seconds; infinity without runs."""
        with self._lock:
            return min((each.due_at for each in self._runs.values()), default=math.inf)

    def due_tasks(self) -> list[int]:
        """Return the tasks of the runs after their pause."""
        now = time.monotonic()
        with self._lock:
            return [each.task_id for each in self._runs.values() if each.due_at <= now]

    def retry_now(self, run_ids: Iterable[int] | None = None) -> set[int]:
        """End the pause of the given runs, or of all for None; return the ids of these runs."""
        now = time.monotonic()  # a reading that began before must not count as this try
        with self._lock:
            wanted = set(self._runs) if run_ids is None else set(self._runs) & set(run_ids)
            for run_id in wanted:
                self._runs[run_id] = replace(self._runs[run_id], due_at=now)
        return wanted

    def forget(self, run_id: int) -> None:
        """Forget a run that needs no other try."""
        with self._lock:
            self._runs.pop(run_id, None)

    def forget_due(self, began_at: float, task_ids: Iterable[int] = ()) -> None:
        """Forget the runs that were due at ``began_at``, of all tasks or of ``task_ids``.

        A reading of the open runs, started at ``began_at``, has met these runs: the runs are not
        open at the server any more, or need no other try.
        """
        tasks = set(task_ids)
        with self._lock:
            self._runs = {
                run_id: each
                for run_id, each in self._runs.items()
                if each.due_at > began_at or (tasks and each.task_id not in tasks)
            }
