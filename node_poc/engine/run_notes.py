"""Writes the entries about runs into the audit trail."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from node_poc.audit import events
from node_poc.audit.events import Event
from node_poc.runs.holds import Hold
from node_poc.runs.model import Failure, RunResult, RunSpec
from node_poc.runs.ports import Answer
from node_poc.storage.folders import digest_result_file
from node_poc.storage.records import RunRecord, StorageError

# No server gets a larger result.
_RESULT_BYTES = 512 * 1024 * 1024


class Trail(Protocol):
    """Where entries go (``storage/audit_trail.py``)."""

    def note(self, event: Event, facts: Mapping[str, Any]) -> None:
        """Write an entry soon; return at once."""

    def note_safely(self, event: Event, facts: Mapping[str, Any]) -> None:
        """Write an entry, and return when the disk has the entry. Raises StorageError."""


class NoTrail:
    """Writes nothing: for parts of a node in tests."""

    def note(self, event: Event, facts: Mapping[str, Any]) -> None:
        """Forget the entry."""

    def note_safely(self, event: Event, facts: Mapping[str, Any]) -> None:
        """Forget the entry."""


class RunNotes:
    """Notes what happens to runs. Thread-safe.

    Only ``starts`` and ``ends`` wait for the disk; the threads that call them do slow work anyway.
    """

    def __init__(self, trail: Trail, walls: Callable[[], dict[str, Any]]) -> None:
        """``walls`` returns the facts about the NetworkPolicies and the last self-test."""
        self._trail = trail
        self._walls = walls
        self._lock = threading.Lock()
        self._started: dict[int, dict[str, Any]] = {}

    def taken(self, record: RunRecord) -> None:
        """Note that the node has taken a run: who asked for what."""
        facts = events.wanted(record.spec, record.owner) | {"spec_sha256": record.digest}
        self._trail.note(Event.RUN_TAKEN, facts)

    def refused(
        self, run_id: int | None, image: str, origin: Mapping[str, str], owner: str, answer: Answer
    ) -> None:
        """Note that the node does not take a run."""
        facts = events.asked(run_id, image, origin, owner)
        told = {"status": answer.status.value, "reason": answer.reason}
        self._trail.note(Event.RUN_REFUSED, facts | told)

    def starts(self, record: RunRecord, *, is_gated: bool) -> None:
        """Note that the node is about to create a run's Job; a repeated try is noted once.

        Raises StorageError: the Job must not be created.
        """
        run_id = record.spec.run_id
        facts = events.wanted(record.spec, record.owner)
        facts["image_digest"] = record.image_digest or facts["image_digest"]
        facts |= {
            "signed_by": record.signed_by,
            "spec_sha256": record.digest,
            "gate": is_gated,
            **self._walls(),
        }
        with self._lock:
            is_known = self._started.get(run_id) == facts
        if not is_known:
            self._trail.note_safely(Event.RUN_STARTED, facts)
            with self._lock:
                self._started[run_id] = facts

    def kill_requested(self, run_id: int) -> None:
        """Note that somebody asked to kill a run."""
        self._trail.note(Event.KILL_REQUESTED, {"run": run_id})

    def ends(self, result: RunResult, spec: RunSpec, folder: Path) -> None:
        """Note the end of a run, with size and hash of all that goes to the server.

        Raises StorageError: the result must not leave.
        """
        log = result.log.encode()
        kept = (len(log), hashlib.sha256(log).hexdigest())
        facts = events.ended(result, kept, _result_file(spec, folder))
        self._trail.note_safely(Event.RUN_ENDED, facts)
        with self._lock:
            self._started.pop(result.run_id, None)

    def delivered(self, run_id: int) -> None:
        """Note that the server has acknowledged a result."""
        self._trail.note(Event.RESULT_DELIVERED, {"run": run_id})

    def held(self, hold: Hold, failure: Failure | None) -> None:
        """Note a reason to hold all runs back, or with None the end of the reason."""
        event = Event.RUNS_RELEASED if failure is None else Event.RUNS_HELD
        reason = None if failure is None else failure.site_detail or failure.detail
        self._trail.note(event, {"hold": hold.value, "reason": reason})


def _result_file(spec: RunSpec, folder: Path) -> tuple[int, str | None] | None:
    """Return size and hash of the algorithm's result; None without a readable result."""
    if spec.result_file is None:
        return None
    try:
        return digest_result_file(folder, spec.result_file, _RESULT_BYTES)
    except StorageError:  # an algorithm may put anything there; the server gets no result then
        return None
