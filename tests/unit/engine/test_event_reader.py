"""Reading the Events of runs that do not start: a single request for all runs, or one per run."""

from __future__ import annotations

import pytest

from node_poc.engine.event_reader import EventReader
from node_poc.manifests.identity import Identity
from node_poc.runs.model import Run

IDENTITY = Identity("v6-node")


def event(kind, name, message, reason="FailedMount"):
    return {
        "reason": reason,
        "message": message,
        "involvedObject": {"kind": kind, "name": name},
        "metadata": {},
    }


class Objects:
    """Return the given Events like ``ClusterObjects``, and record the requests."""

    def __init__(self, events, *, too_many=False):
        self.events, self.too_many, self.asked = events, too_many, []

    def list_events(self, kind, name):
        self.asked.append((kind, name))
        wanted = {"kind": kind, "name": name}
        return [each for each in self.events if each["involvedObject"] == wanted]

    def list_all_events(self):
        self.asked.append("all")
        return None if self.too_many else self.events


def runs(number):
    """Return runs with ids from 1 on; the runs with even ids have a pod."""
    return [
        Run(run_id, "digest", received_at=0.0, pod_name=None if run_id % 2 else f"pod-{run_id}")
        for run_id in range(1, number + 1)
    ]


def all_events(number):
    return [
        event("Job", IDENTITY.job_name(run_id), f"about {run_id}")
        if run_id % 2
        else event("Pod", f"pod-{run_id}", f"about {run_id}")
        for run_id in range(number, 0, -1)
    ] + [event("Pod", "of-somebody-else", "not ours")]


@pytest.mark.parametrize("number", [1, 2, 3, 7])
@pytest.mark.parametrize("too_many", [False, True])
def test_each_run_gets_its_own_events(number, too_many):
    objects = Objects(all_events(number), too_many=too_many)
    seen = EventReader(objects, IDENTITY).read(runs(number))
    told = [(each.run_id, [one.message for one in each.events]) for each in seen]
    assert told == [(run_id, [f"about {run_id}"]) for run_id in range(1, number + 1)]


def test_few_runs_are_asked_for_by_name():
    objects = Objects(all_events(2))
    EventReader(objects, IDENTITY).read(runs(2))
    assert objects.asked == [("Job", IDENTITY.job_name(1)), ("Pod", "pod-2")]


def test_many_runs_cost_one_request():
    objects = Objects(all_events(7))
    EventReader(objects, IDENTITY).read(runs(7))
    assert objects.asked == ["all"]


def test_a_namespace_with_too_many_events_is_asked_run_by_run():
    objects = Objects(all_events(3), too_many=True)
    EventReader(objects, IDENTITY).read(runs(3))
    assert len(objects.asked) == 4


def test_a_run_without_events_is_told_of_none():
    seen = EventReader(Objects([]), IDENTITY).read(runs(4))
    assert [each.events for each in seen] == [()] * 4
