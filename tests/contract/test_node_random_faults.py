"""Ten thousand runs through the whole pipeline with random faults: none lost, none doubled.

Everything is drawn from a seed: errors before and after a call was done, cut, expired, doubled and
reordered watches, lost and doubled acknowledgements, a server that comes and goes, and nodes that
are killed in the middle and built anew from what is on the disk.
"""

import contextlib
import logging
import tempfile
import time
from collections import Counter, deque
from pathlib import Path

import pytest
import stamina
import structlog

from node_poc import delivery, pipeline, retries
from node_poc.backoff import Backoff
from node_poc.cluster import logs, watch
from node_poc.runs.model import Mount, MountSource, RunSpec
from tests.fakes.examples import config
from tests.fakes.kube_api import FakeKubeApi
from tests.fakes.kube_store import NotThere
from tests.fakes.local_api import Dice
from tests.fakes.random_world import MortalNode, Server

SEEDS = range(10)
RUNS = 1000
WAITING_AT_MOST = 150
CHANCE = 0.03
PATIENCE_SECONDS = 120.0  # reached when something is broken, or the machine very busy


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No pauses, and no log: both would take most of the time."""
    monkeypatch.setattr(pipeline, "_TICK_SECONDS", 0.02)
    monkeypatch.setattr(retries, "_PASSING", Backoff(0.01, 0.02))
    monkeypatch.setattr(retries, "_REFUSED", Backoff(0.01, 0.02))
    monkeypatch.setattr(pipeline, "_WRITE_SECONDS", 0.01)
    monkeypatch.setattr(delivery, "_LOOK_SECONDS", 0.002)
    monkeypatch.setattr(delivery, "_ACKNOWLEDGE_SECONDS", 0.2)
    monkeypatch.setattr(watch, "_BACKOFF", Backoff(0.002, 0.02))
    monkeypatch.setattr(logs, "_PAUSE_SECONDS", (0.05, 0.5))
    before = structlog.get_config()
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    stamina.set_testing(True, attempts=6)
    yield
    stamina.set_testing(False)
    structlog.configure(**before)


class Story:
    """Runs, what is to become of each, and what did."""

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
        self.deaths = 0
        self.cluster.kubelet.on_pod = self.pod_is_there
        self.node = self.new_node()

    def new_node(self):
        node = MortalNode(self.config, self.cluster, self.server, self.dice, CHANCE)
        node.start()
        return node

    def pod_is_there(self, run_id):
        self.made[run_id] += 1
        self.pods.append((run_id, 0))

    # --- what happens

    def turn(self):
        """A little of everything."""
        self.submit()
        for _ in range(min(len(self.pods), 40)):
            run_id, step = self.pods.popleft()
            with contextlib.suppress(NotThere):  # its Job was removed: it was killed
                if self.advance(run_id, step):
                    self.pods.append((run_id, step + 1))
        self.remove_delivered_jobs()
        if self.dice.falls(0.01):
            self.cluster.store.compact()
        if self.dice.falls(0.02) or not self.server.is_up:
            self.server.flap()
        if self.dice.falls(0.004):
            self.node.kill()
            self.deaths += 1
            self.answers = {run: told for run, told in self.answers.items() if told.done()}
            self.node = self.new_node()

    def submit(self):
        going = len(self.answers) - len(self.server.results)
        for run_id in self.plans:
            if going >= WAITING_AT_MOST:
                return
            if run_id not in self.answers:
                self.answers[run_id] = self.node.submit(spec_of(run_id))
                going += 1
                if self.dice.falls(CHANCE):  # the server did not hear the answer
                    self.answers[run_id] = self.node.submit(spec_of(run_id))

    def advance(self, run_id, step):
        """One step of a run in the cluster; returns whether there are more."""
        if self.dice.falls(0.5):
            self.pods.append((run_id, step))
            return False
        steps = STEPS[self.plans[run_id]]
        steps[step](self, run_id)
        return step + 1 < len(steps)

    def remove_delivered_jobs(self):
        """Kubernetes' own, when the time to live is over."""
        for job in self.cluster.jobs():
            if "ttlSecondsAfterFinished" in job["spec"] and job.get("status"):
                with contextlib.suppress(NotThere):
                    self.cluster.store.delete("jobs", job["metadata"]["name"])

    # --- what must be so

    @property
    def is_over(self):
        return len(self.server.results) == RUNS and not any(
            (Path(self.config.task_dir) / ".node/open").iterdir()
        )

    def tell(self):
        missing = sorted(set(self.plans) - set(self.server.results))[:10]
        states = {run.run_id: run for run in self.node.engine._book}
        return {run_id: (self.plans[run_id], states.get(run_id)) for run_id in missing}


def ends(story, run_id):
    story.cluster.kubelet.ends(run_id, log=b"said\n")


def crashes(story, run_id):
    story.cluster.kubelet.ends(run_id, 3, log=b"said\n")


def starts(story, run_id):
    story.cluster.kubelet.starts(run_id)


def waits(story, run_id):
    story.cluster.kubelet.waits(run_id, "ErrImagePull", "toomanyrequests")


def is_evicted(story, run_id):
    story.cluster.kubelet.evicts(run_id, "low on memory")


def loses_its_pod(story, run_id):
    story.cluster.kubelet.deletes_pod(run_id)
    story.cluster.kubelet.finish_job(run_id, failed="BackoffLimitExceeded")


def loses_its_job(story, run_id):
    story.cluster.kubelet.deletes_job(run_id)


def is_killed(story, run_id):
    story.node.kill_run(run_id)


def goes_on(story, run_id):
    """Nothing happens."""


# What happens to a run in the cluster, step by step.
STEPS = {
    "ends well": [ends],
    "runs and ends well": [starts, ends],
    "crashes": [crashes],
    "waits, runs and ends well": [waits, starts, ends],
    "is evicted": [is_evicted],
    "loses its pod": [loses_its_pod],
    "loses its Job": [loses_its_job],
    # A kill that dies with its node was never promised: then the run ends by itself.
    "is killed": [starts, is_killed, *[goes_on] * 5, ends],
}
# The statuses that are right then.
RIGHT = {
    "crashes": {"crashed"},
    "is evicted": {"failed"},
    "loses its pod": {"failed"},
    "loses its Job": {"failed"},
    "is killed": {"killed by user", "completed"},
}


def spec_of(run_id):
    output = Mount(MountSource.RUN, "output", "/app/output", read_only=False, is_folder=True)
    return RunSpec(run_id, "localhost:5001/an_algorithm", ("a", "b"), mounts=(output,))


@pytest.fixture
def folder():
    """In memory if there is such a place: what a disk does to files is tested elsewhere."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as path:
        yield Path(path)


# That is how the threads of a killed node end.
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
    assert set(story.made) == set(story.plans)
    # A Job that somebody deletes before the node has seen it, or noted it, is made once more.
    doubled = {story.plans[run_id] for run_id, made in story.made.items() if made != 1}
    assert doubled <= {"loses its Job"}, "a run had two Jobs"
    started = Counter(story.cluster.kubelet.containers_started)
    assert max(started.values()) == 1, "an algorithm ran twice"
    wrong = {}
    for run_id, results in story.server.results.items():
        plan = story.plans[run_id]
        if len(set(results)) != 1 or results[0].status not in RIGHT.get(plan, {"completed"}):
            wrong[run_id] = (plan, results)
    assert wrong == {}
    print(f"seed {seed}: {RUNS} runs, {story.deaths} nodes died")
