"""The bench for vantage6, except for the parts that need a server or a cluster."""

import json
import os
import time
from collections import Counter
from types import SimpleNamespace

import pytest
import yaml

from bench.judging import idle_processor_row, processor_rows
from bench.processors import Meter, Pods, added
from bench.vantage6 import beside_raw, raw_client
from bench.vantage6.__main__ import parse
from bench.vantage6.beside_raw import BesideRaw, _single_ratios
from bench.vantage6.moments import Moments, Posted
from bench.vantage6.request_log import RequestLog, describe, requests_of
from devstation import PLAIN, Federation, Location
from node_poc.config.load import parse_config
from node_poc.manifests.identity import Identity
from node_poc.manifests.job import build_job
from node_poc.protocol.vantage6.incoming.container_contract import build_spec

REQUESTS = """nobody POST /api/token/node
node 3 GET /api/run
node 3 PATCH /api/run/12
node 33 PATCH /api/run/13
node 3 PATCH /api/run/14
user 3 GET /api/run
container GET /api/task/5
"""


def test_requests_are_counted_by_who_asked_and_by_kind():
    found = requests_of(REQUESTS, "node 3")
    assert found == {"GET /api/run": 1, "PATCH /api/run/*": 2}
    assert describe(found, 2) == "1.0 PATCH /api/run/*, 0.5 GET /api/run"


def test_only_what_was_asked_since_then_counts(tmp_path):
    path = tmp_path / "requests.log"
    path.write_text(REQUESTS)
    log = RequestLog(path, 3)
    assert log.counted() == Counter()
    with path.open("a") as file:
        file.write("node 3 GET /api/run\n")
    assert log.counted() == {"GET /api/run": 1}


def run_of(called, seen):
    task = Posted(7, called, called + 0.1, called + 0.5)
    return Moments(task, called + 0.6, called + 0.7, seen - 0.1, seen)


def test_the_raw_client_begins_when_the_server_has_the_task():
    judged, strict = _single_ratios([run_of(10.0, 13.0), run_of(20.0, 23.0)], [2.0, 2.0])
    assert judged.figure == pytest.approx(3.0 / 2.5)
    assert (judged.goal, judged.verdict) == (1.10, "MISSED")
    assert strict.figure == pytest.approx(3.0 / 2.1)
    assert strict.goal is None


def test_processor_seconds_are_told_by_part_and_in_all():
    every, *parts = processor_rows("node", {"etcd": 2.0, "kubelet": 6.0}, 4)
    assert every.figure == pytest.approx(2.0)
    assert [(row.what.strip(), row.figure) for row in parts] == [("kubelet", 1.5), ("etcd", 0.5)]


def test_an_idle_node_is_judged_together_with_its_proxy():
    seconds = {"node": 0.4, "proxy": 0.2, "etcd": 9.0}
    row = idle_processor_row(seconds, 100.0, ("node", "proxy"), 3.0)
    assert (row.figure, row.verdict) == (pytest.approx(6.0), "MISSED")
    assert row.note == "node 4.0, proxy 2.0; over 100 s"


def test_sums_are_made_part_by_part():
    assert added({"a": 1.0, "b": 2.0}, {"b": 3.0, "c": 4.0}) == {"a": 1.0, "b": 5.0, "c": 4.0}


def test_a_process_is_counted_from_the_begin_to_the_end_of_a_meter():
    with Meter(Pods({}), {os.getpid(): "bench"}) as meter:
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
    assert 0.2 <= meter.seconds["bench"] <= time.process_time()


def test_the_series_and_the_idle_time_can_be_chosen():
    options = parse(["--only", "idle", "--idle", "5"])
    assert (options.only, options.idle) == (["idle"], 5.0)


class FakeFederation:
    """A federation with a single station, its files in a folder of the test, and no cluster."""

    def __init__(self, folder):
        self.location = Location("v6-bench-fed", folder, 7665)
        self.cluster = self
        self.server_ip = "192.0.2.1"
        self.world = self
        self.applied = []
        self._folder = folder
        self._node_cpu_request = "50m"

    def folder(self, _station):
        return self._folder

    def node(self, *_):
        return {"api_key": "00000000-0000-0000-0000-000000000000"}

    def data_file(self, _station):
        return self._folder / "employees.csv"

    def image(self, name):
        return f"localhost:5001/{name}"

    def apply(self, *objects):
        self.applied += objects

    config = Federation.config
    tasks = Federation.tasks


def without_names(job, own, folder):
    return json.loads(json.dumps(job).replace(Identity(own).node_label, "X").replace(folder, "D"))


def test_the_raw_client_makes_the_job_that_the_node_makes(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "chown", lambda *_: None)
    kube = SimpleNamespace(read=lambda _: {"spec": {"clusterIP": "192.0.2.7"}})
    federation = FakeFederation(tmp_path)
    raw = raw_client.RawClient(federation, PLAIN[0], kube, None)
    run_id, job = raw.prepare("localhost:5001/v6_test_algorithm", {"method": "shape_of"})
    config = parse_config(yaml.safe_dump(federation.config(PLAIN[0])), {})
    request = raw_client._request(run_id, "localhost:5001/v6_test_algorithm")
    spec = build_spec(request, config, b"{}", "token")
    own = build_job(spec, config, "192.0.2.7", 10001)
    assert without_names(job, "raw-client", f"{tmp_path}/raw-tasks") == without_names(
        own, PLAIN[0].name, f"{tmp_path}/tasks"
    )
    folder = tmp_path / "raw-tasks" / str(run_id)
    assert json.loads((folder / "input").read_bytes()) == {"method": "shape_of"}
    assert (folder / "output").exists()
    labels = job["spec"]["template"]["metadata"]["labels"]
    selected = federation.applied[0]["spec"]["podSelector"]["matchLabels"]
    assert selected.items() <= labels.items()


class FakeMeter:
    """Always count 1.0 s for the node."""

    seconds = {"node": 1.0}  # noqa: RUF012

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class FakeLog:
    """Always count three requests."""

    def counted(self):
        return Counter({"PATCH /api/run/*": 3})


class FakeSeries:
    """Tasks reach the server 0.5 s after the call and finish 2 s after the call."""

    def __init__(self, now):
        self.now, self.seen_end = now, []
        self.tell = self.seen_end.append

    def posted(self, _method):
        return Posted(1, self.now[0], self.now[0] + 0.1, self.now[0] + 0.5)

    def one(self, _method):
        return run_of(self.now[0], self.now[0] + 2.0)

    def finish(self, _task, _every):
        self.now[0] += 0.1

    def pause(self):
        pass


class FakeRaw:
    """Each run takes 1.5 s."""

    def __init__(self, now):
        self.now, self.started, self.cleared = now, [], 0

    def prepare(self, image, input_):
        assert (image, input_["method"]) == ("image", "shape_of")
        return len(self.started), {}

    def start(self, run_id, _job):
        self.started.append(run_id)
        return self.now[0]

    def finish(self, _run_id, asked):
        return raw_client.RawRun(asked, asked + 1.5)

    def clear(self):
        self.cleared += 1


@pytest.fixture
def beside(monkeypatch):
    now = [1000.0]

    def sleep(seconds):
        now[0] += seconds

    monkeypatch.setattr(beside_raw, "time", SimpleNamespace(time=lambda: now[0], sleep=sleep))
    raw = FakeRaw(now)
    made = BesideRaw(FakeSeries(now), raw, "image", FakeMeter, FakeLog)
    made.fake = raw
    return made


def test_single_runs_of_both_are_compared(beside):
    rows = beside.single(3)
    assert rows[0].figure == pytest.approx(2.0 / (0.5 + 1.5))
    assert (rows[0].verdict, rows[2].figure, rows[2].goal) == ("met", 3.0, 4.0)
    assert rows[3].what == "submit to completed, n = 3"
    assert len(beside.fake.started) == 4
    assert beside.fake.cleared == 1


def test_bursts_of_both_are_compared_and_counted(beside):
    rows = beside.burst(2)
    # 20 polls of 0.1 s each; the raw client starts its last Job 0.5 s after the first call
    assert rows[0].figure == pytest.approx(2.0 / (0.5 + 1.5))
    assert rows[1].figure == pytest.approx(3 / 20)
    assert len(beside.fake.started) == 40
    names = [row.what for row in rows[3:]]
    assert names[0] == "processor seconds a run, node: all"
    assert "processor seconds a run, raw client: all" in names


def test_an_idle_node_is_measured_for_as_long_as_told(beside, monkeypatch):
    monkeypatch.setattr(FakeMeter, "seconds", {"node": 0.02, "proxy": 0.01})
    (row,) = beside.idle(10.0)
    assert (row.figure, row.verdict) == (pytest.approx(3.0), "met")
