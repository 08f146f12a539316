"""Reads the Events of runs that do not start, with a single request for many runs.

The API server filters Events by their object only after reading all Events of the namespace, so a
list of all Events costs the API server no more than the Events of a single run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.observations import observe_events
from node_poc.manifests.identity import Identity
from node_poc.runs.model import Run
from node_poc.runs.observed import EventsSeen

# From this number of runs on, all Events of the namespace are read at once.
_MANY_RUNS = 3

_Name = tuple[str, str]


class EventReader:
    """Reads Events of pods and Jobs. Thread-safe."""

    def __init__(self, objects: ClusterObjects, identity: Identity) -> None:
        """``identity`` names the Jobs of this node."""
        self._objects = objects
        self._identity = identity

    def read(self, runs: Sequence[Run]) -> list[EventsSeen]:
        """Return the Events of each run's pod, or of the run's Job while the run has no pod.

        Raises:
            ClusterError: the API server does not answer, or refuses.
        """
        everything = self._objects.list_all_events() if len(runs) >= _MANY_RUNS else None
        if everything is None:
            return [_seen(run, self._objects.list_events(*self._subject(run))) for run in runs]
        by_subject: dict[_Name, list[dict[str, Any]]] = defaultdict(list)
        for event in everything:
            subject = event.get("involvedObject") or {}
            by_subject[subject.get("kind", ""), subject.get("name", "")].append(event)
        return [_seen(run, by_subject[self._subject(run)]) for run in runs]

    def _subject(self, run: Run) -> _Name:
        if run.pod_name:
            return "Pod", run.pod_name
        return "Job", self._identity.job_name(run.run_id)


def _seen(run: Run, events: list[dict[str, Any]]) -> EventsSeen:
    return EventsSeen(run.run_id, run.pod_name, observe_events(events))
