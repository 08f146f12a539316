"""Thousands of runs through the whole engine with random faults: none is lost, none is doubled.

All faults come from a seed: errors before and after a call was done, refusals, conflicts; watches
that are cut, expired, doubled and reordered; a disk that is full now and then; lost and doubled
acknowledgements; a server that comes and goes; nodes that are killed in the middle and built anew
from the records on the disk. After the loss of a node, the test repeats its kills.
"""

import contextlib
import logging
import os
import tempfile
import time
from collections import Counter, deque
from pathlib import Path

import pytest
import structlog

from node_poc.cluster import logs, watch
from node_poc.concurrency.backoff import Backoff
from node_poc.engine import delivery, engine, retries
from node_poc.runs.model import Mount, MountSource, RunSpec
from tests.fakes.examples import config
from tests.fakes.kube_api import FakeKubeApi
from tests.fakes.kube_store import NotThere
from tests.fakes.local_api import Dice
from tests.fakes.random_plans import (
    KILLED_AT_ONCE,
    KILLED_IN_BETWEEN,
    RIGHT,
    SEEN_BY_NOBODY,
    STEPS,
    NotYet,
)
from tests.fakes.random_world import MortalNode, Server

#: Ten find rare orders of events sooner; each takes 15 seconds.
SEEDS = range(int(os.environ.get("FAULT_SEEDS", "4")))
RUNS = 1000
WAITING_AT_MOST = 150
CHANCE = 0.03
SLOW_CREATE_SECONDS = 0.1  # long enough for a kill before the Job exists
PATIENCE_SECONDS = 120.0  # reached when something is broken, or the machine very busy


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Remove pauses and logging: both would take most of the time."""
    monkeypatch.setattr(engine, "_TICK_SECONDS", 0.02)
    monkeypatch.setattr(retries, "_PASSING", Backoff(0.01, 0.02))
    monkeypatch.setattr(retries, "_DISK", Backoff(0.01, 0.02))
    monkeypatch.setattr(retries, "_REFUSED", Backoff(0.01, 0.02))
    monkeypatch.setattr(engine, "_WRITE_SECONDS", 0.01)
    monkeypatch.setattr(delivery, "_LOOK_SECONDS", 0.002)
    monkeypatch.setattr(delivery, "_ACKNOWLEDGE_SECONDS", 0.2)
    monkeypatch.setattr(watch, "_BACKOFF", Backoff(0.002, 0.02))
    monkeypatch.setattr(logs, "_PAUSES", Backoff(0.05, 0.5))
    before = structlog.get_config()
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    yield
    structlog.configure(**before)


class Story:
    """The runs of a test, with the plan and the outcome of each."""

    def __init__(self, folder, seed):
        self.dice = Dice(seed)
        self.cluster = FakeKubeApi()
        self.cluster.add_service("v6proxy", "10.96.0.77")
        self.server = Server(self.dice, CHANCE)
        kubernetes = {"runs_in_flight": 100, "keep_finished_seconds": 0}
        data = config(**kubernetes).model_dump() | {"task_dir": str(folder)}
        self.config = config().model_validate(data)
        self.plans = {run_id: self.dice.pick(list(STEPS)) for run_id in range(1, RUNS + 1)}
        self.made = Counter()
        self.pods = deque()
        self.answers = {}
        self.kills = {}
        self.deaths = 0
        self.cluster.kubelet.on_pod = self.pod_is_there
        self.cluster.before_job = self.job_is_to_be_made
        self.node = self.new_node()

    def new_node(self):
        node = MortalNode(self.config, self.cluster, self.server, self.dice, CHANCE)
        node.start()
        return node

    def pod_is_there(self, run_id):
        self.made[run_id] += 1
        self.pods.append((run_id, 0))

    def job_is_to_be_made(self, run_id):
        if self.plans[run_id] == KILLED_IN_BETWEEN and run_id not in self.kills:
            self.kill(run_id)
            time.sleep(SLOW_CREATE_SECONDS)

    # --- steps

    def turn(self):
        """Do a small part of everything."""
        self.submit()
        for _ in range(min(len(self.pods), 40)):
            run_id, step = self.pods.popleft()
            with contextlib.suppress(NotThere):  # a kill has removed the Job
                if self.advance(run_id, step):
                    self.pods.append((run_id, step + 1))
        self.remove_delivered_jobs()
        if self.dice.falls(0.01):
            self.cluster.store.compact()
        if self.dice.falls(0.02) or not self.server.is_up:
            self.server.flap()
        if self.dice.falls(0.01):
            self.replace_node()

    def replace_node(self):
        self.node.kill()
        self.deaths += 1
        self.answers = {run: told for run, told in self.answers.items() if told.done()}
        self.node = self.new_node()
        # A dead node never promised its unanswered kills, so the test repeats them.
        for run_id, told in list(self.kills.items()):
            if run_id not in self.server.results or not told.done():
                self.kill(run_id)

    def submit(self):
        going = len(self.answers) - len(self.server.results)
        for run_id in self.plans:
            if going >= WAITING_AT_MOST:
                return
            told = self.answers.get(run_id)
            if told is None or (told.done() and not told.result().accepted):  # the disk was full
                self.ask_for(run_id)
                going += told is None
                if self.dice.falls(CHANCE):  # the server did not hear the answer
                    self.ask_for(run_id)

    def ask_for(self, run_id):
        self.answers[run_id] = self.node.submit(spec_of(run_id))
        if self.plans[run_id] == KILLED_AT_ONCE:
            self.kill(run_id)

    def kill(self, run_id):
        self.kills[run_id] = self.node.kill_run(run_id)

    def advance(self, run_id, step):
        """Do the next step of a run in the cluster; return whether there are more steps."""
        if self.dice.falls(0.5):
            self.pods.append((run_id, step))
            return False
        steps = STEPS[self.plans[run_id]]
        try:
            steps[step](self, run_id)
        except NotYet:
            self.pods.append((run_id, step))
            return False
        return step + 1 < len(steps)

    def remove_delivered_jobs(self):
        """Remove delivered Jobs, as Kubernetes does after their time to live."""
        for job in self.cluster.jobs():
            if "ttlSecondsAfterFinished" in job["spec"] and job.get("status"):
                with contextlib.suppress(NotThere):
                    self.cluster.store.delete("jobs", job["metadata"]["name"])

    # --- checks

    @property
    def is_over(self):
        return (
            len(self.server.results) == RUNS
            and all(told.done() for told in [*self.answers.values(), *self.kills.values()])
            and not any((Path(self.config.task_dir) / ".node/open").iterdir())
        )

    def right_statuses(self, run_id):
        """Return the statuses with which this run may have ended."""
        if run_id in self.kills:
            [told] = self.kills[run_id].result()
            return {"killed by user"} if told.outcome == "killed" else {told.status}
        refused = {"start failed"} if run_id in self.cluster.refused else set()
        return RIGHT.get(self.plans[run_id], {"completed"}) | refused

    def wrong_results(self):
        """Return the runs with a wrong result, or with two different results."""
        return {
            run_id: (self.plans[run_id], self.right_statuses(run_id), results)
            for run_id, results in self.server.results.items()
            if len(set(results)) != 1 or results[0].status not in self.right_statuses(run_id)
        }

    def runs_without_job(self):
        """Return the runs without any Job that were neither killed nor refused."""
        excused = set(self.kills) | self.cluster.refused
        return set(self.plans) - set(self.made) - excused

    def tell(self):
        missing = sorted(set(self.plans) - set(self.server.results))[:10]
        states = {run.run_id: run for run in self.node.engine._book}
        return {run_id: (self.plans[run_id], states.get(run_id)) for run_id in missing}


def spec_of(run_id):
    output = Mount(MountSource.RUN, "output", "/app/output", read_only=False, is_folder=True)
    return RunSpec(run_id, "localhost:5001/an_algorithm", ("a", "b"), mounts=(output,))


@pytest.fixture
def folder():
    """Use memory if the machine has /dev/shm: other tests are about the disk's effect on files."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as path:
        yield Path(path)


# The threads of a killed node end with an unhandled SystemExit.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_run_is_lost_and_none_is_doubled(folder, seed):
    story = Story(folder, seed)
    until = time.monotonic() + PATIENCE_SECONDS
    try:
        while not story.is_over:
            assert time.monotonic() < until, story.tell()
            story.turn()
            time.sleep(0.001)
    finally:
        story.dice.on = False
        story.node.kill()
    assert {answer.result().accepted for answer in story.answers.values()} == {True}
    assert story.runs_without_job() == set()
    doubled = {story.plans[run_id] for run_id, made in story.made.items() if made != 1}
    assert doubled <= {SEEN_BY_NOBODY}, "a run had two Jobs"
    started = Counter(story.cluster.kubelet.containers_started)
    assert max(started.values()) == 1, "an algorithm ran twice"
    assert story.wrong_results() == {}
    outcomes = Counter(kill.result()[0].outcome for kill in story.kills.values())
    assert outcomes["killed"] > RUNS / 10
    print(f"seed {seed}: {RUNS} runs, {story.deaths} nodes died, kills: {dict(outcomes)}")
