"""Recordings of failing runs in a real cluster (tests/wire), replayed to the state machine."""

import json
import re
from pathlib import Path

import pytest

from node_poc.cluster.observations import observe_events, observe_job, observe_pod
from node_poc.config.model import Limits
from node_poc.runs.lifecycle import Collect, LookForEvents, LookForPod, Report, decide
from node_poc.runs.model import Run
from node_poc.runs.observed import EventsSeen, PodObservation, Tick
from node_poc.runs.status import RunStatus

WIRE = Path(__file__).parents[2] / "wire"
# Shorter than the limits of the recordings: after a recording's end the node removes the objects.
LIMITS = Limits(
    schedule_seconds=2, too_large_seconds=2, hopeless_seconds=1, pull_seconds=3, run_seconds=12
)
PATIENT = Limits(pull_seconds=100, run_seconds=100)
STEP_SECONDS = 0.25

NO_IMAGE, START_FAILED = RunStatus.NO_DOCKER_IMAGE, RunStatus.START_FAILED
CRASHED, FAILED = RunStatus.CRASHED, RunStatus.FAILED
ROOM, SHORT, LONG = LIMITS.schedule_seconds, LIMITS.hopeless_seconds, LIMITS.pull_seconds
GROWTH = LIMITS.too_large_seconds
# Runs kept from starting: the final status, the cause, and the limit of the wait in seconds.
WAITING = {
    "no-cpu": (START_FAILED, "RunTooLarge", GROWTH),
    "no-memory": (START_FAILED, "RunTooLarge", GROWTH),
    "no-gpu": (START_FAILED, "RunTooLarge", GROWTH),
    "no-volume": (START_FAILED, "VolumeNotReady", ROOM),
    "no-quota": (START_FAILED, "QuotaExceeded", ROOM),
    "pod-security": (START_FAILED, "NotAdmitted", SHORT),
    "limit-range": (START_FAILED, "NotAdmitted", SHORT),
    "admission-policy": (START_FAILED, "NotAdmitted", SHORT),
    "image-missing": (NO_IMAGE, "ImageNotFound", SHORT),
    "image-tag-missing": (NO_IMAGE, "ImageNotFound", SHORT),
    "image-refused": (NO_IMAGE, "ImageRefused", SHORT),
    "image-wrong-architecture": (NO_IMAGE, "WrongArchitecture", SHORT),
    "image-rate-limited": (NO_IMAGE, "ImageRateLimited", LONG),
    "registry-away": (NO_IMAGE, "ImagePullError", LONG),
    "database-missing": (START_FAILED, "DatabaseMissing", SHORT),
}
# Temporary reasons, and the cause reported meanwhile.
PASSING = {
    "no-node": "NoSuitableNode",
    "quota-lifted": "QuotaExceeded",
    "registry-recovers": "ImagePullError",
    "database-late": None,
    "unseen": None,
}
# The end of runs that have started: status, cause.
ENDING = {
    "bad-command": (START_FAILED, "StartError"),
    "bad-mount": (START_FAILED, "StartError"),
    "exit-code": (CRASHED, "ExitCode"),
    "read-only-path": (CRASHED, "ExitCode"),
    "signal": (CRASHED, "Signal"),
    "out-of-memory": (CRASHED, "OOMKilled"),
    "out-of-disk": (CRASHED, "DiskLimitExceeded"),
    "deadline": (FAILED, "DeadlineExceeded"),
    "pod-deleted": (FAILED, "PodDeleted"),
    "job-deleted": (FAILED, "JobDeleted"),
    "evicted": (FAILED, "Evicted"),
    "preempted": (FAILED, "Preempted"),
    "node-lost": (FAILED, "NodeLost"),
}
# Details of the data station in the recordings that a researcher must not see.
INSIDES = re.compile(r"cluster-node|\d+\.\d+\.\d+\.\d+|/|v6-|localhost|claim|node\d|database-\d")
TELLS_ITSELF = {"ExitCode", "Signal"}


class Replay:
    """A run that sees a recording as if the events happened now."""

    def __init__(self, history, limits):
        self.history = history
        self.limits = limits
        self.run = Run(7, "digest", received_at=0.0)
        self.told = []
        self.waits = []
        self.results = 0
        self.now = 0.0

    def play(self):
        for entry in self.history:
            while self.now + STEP_SECONDS <= entry["at"]:
                self.now += STEP_SECONDS
                self._see(Tick(7))
            if entry["kind"] == "pod":
                self._see(observe_pod(entry["object"], gone=entry["gone"]))
            elif entry["kind"] == "job":
                self._see(observe_job(entry["object"], gone=entry["gone"]))
        return self

    def _see(self, observation):
        self.run, actions = decide(self.run, observation, self.now, self.limits)
        if self.run.waiting is not None:
            self.waits.append(self.run.waiting)
        for action in actions:
            match action:
                case Report():
                    self.told.append(self.run)
                case LookForEvents():
                    self._see(EventsSeen(7, self.run.pod_name, observe_events(self._events())))
                case LookForPod():
                    self._see(self._pod())
                case Collect():
                    self.results += 1

    def _events(self):
        about = self.run.pod_name or None
        return [
            entry["object"]
            for entry in self._so_far("event")
            if entry["object"]["involvedObject"]["kind"] == ("Pod" if about else "Job")
        ]

    def _pod(self):
        pods = [entry for entry in self._so_far("pod") if not entry["gone"]]
        return observe_pod(pods[-1]["object"]) if pods else PodObservation(7, "", "", gone=True)

    def _so_far(self, kind):
        return [e for e in self.history if e["kind"] == kind and e["at"] <= self.now]

    @property
    def causes_told(self):
        return [run.failure.cause for run in self.told if run.failure]


def recorded(name):
    return json.loads((WIRE / f"{name}.json").read_text())


@pytest.mark.parametrize("name", WAITING)
def test_a_recorded_wait(name):
    status, cause, patience = WAITING[name]
    replay = Replay(recorded(name), LIMITS).play()
    assert (replay.run.status, replay.run.failure.cause) == (status, cause)
    assert cause in replay.causes_told  # reported during the wait
    wait = replay.waits[-1]
    assert wait.until - wait.since == patience
    assert replay.results == 1


@pytest.mark.parametrize("name", PASSING)
def test_a_recorded_wait_that_passed(name):
    replay = Replay(recorded(name), PATIENT).play()
    assert (replay.run.status, replay.run.failure) == (RunStatus.COMPLETED, None)
    told = PASSING[name]
    assert told is None or told in replay.causes_told
    assert replay.results == 1


@pytest.mark.parametrize("name", ENDING)
def test_a_recorded_end(name):
    replay = Replay(recorded(name), LIMITS).play()
    assert (replay.run.status, replay.run.failure.cause) == ENDING[name]
    assert replay.results == 1


@pytest.mark.parametrize("name", ENDING)
def test_a_recorded_end_is_the_same_for_a_node_that_comes_late(name):
    """The node may first look at any later moment: the pod exists, the Job perhaps not any more."""
    history = recorded(name)
    last = max(n for n, e in enumerate(history) if e["kind"] == "pod" and not e["gone"])
    for begin in range(last + 1):
        rest = [entry for entry in history[begin:] if entry["kind"] != "job"]
        replay = Replay(rest, LIMITS).play()
        expected = ENDING[name]
        if name == "job-deleted":  # a node that sees only the pod cannot know the cause
            expected = (FAILED, "PodDeleted")
        assert (replay.run.status, replay.run.failure.cause) == expected


@pytest.mark.parametrize("name", [*WAITING, *PASSING, *ENDING])
def test_nobody_but_the_site_is_told_of_the_insides(name):
    replay = Replay(recorded(name), LIMITS).play()
    for run in [*replay.told, replay.run]:
        if run.failure is None:
            continue
        assert run.failure.advice.endswith(".")
        assert not INSIDES.search(f"{run.failure.cause} {run.failure.detail} {run.failure.advice}")
        assert run.failure.site_detail or run.failure.cause in TELLS_ITSELF


def test_the_recordings_are_of_no_machine():
    text = "".join(path.read_text() for path in WIRE.glob("*.json"))
    assert not re.search(r"172\.30|/var/lib/v|v6-test|\bnode\d\b", text)


def test_every_recording_is_looked_at():
    names = {path.stem for path in WIRE.glob("*.json")}
    assert names == {*WAITING, *PASSING, *ENDING}
