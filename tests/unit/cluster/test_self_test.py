"""A self-test from its first call to the verdict, with a cluster of plain objects."""

import json
import threading

import pytest

from node_poc.cluster import self_test, tester_pods
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.log_lines import Piece, Position
from node_poc.cluster.self_test import SelfTest
from node_poc.isolation.self_test.targets import Surroundings
from node_poc.manifests.identity import LABEL_RUN, TESTER_RUN
from node_poc.runs.walls_verdict import Enforcement
from tests.fakes.examples import config

AROUND = Surroundings(proxy="10.96.0.77", api=("10.96.0.1", 443), name_servers=("10.96.0.10",))
REFUSED = ClusterError("POST /jobs", 403, "Forbidden", "exceeded quota: pods")
THROUGH, CLOSED = [200, 190, 60, 9990, True], [200, 0, 0, 0, False]


class Cluster:
    """Runs each tester at once; ``reports`` gives what its pod saw of a target."""

    pods_path = "/pods"

    def __init__(self):
        self.jobs, self.pods, self.deleted = {}, {}, []
        self.sees = lambda number, target: THROUGH if target[1] == AROUND.proxy else CLOSED
        self.refuses = lambda number: False
        self.is_silent = lambda number: False
        self.status = {"phase": "Succeeded"}

    @property
    def plans(self):
        """The targets of each pod, in the order of its start."""
        plans = [self._args(job)[1].splitlines()[1:] for job in self.jobs.values()]
        return [[(p, host, int(port)) for p, host, port in map(str.split, plan)] for plan in plans]

    @staticmethod
    def _args(job):
        return job["spec"]["template"]["spec"]["containers"][0]["args"]

    def create_job(self, job):
        number = len(self.jobs)
        if self.refuses(number):
            raise REFUSED
        name = job["metadata"]["name"]
        self.jobs[name] = job
        metadata = {"name": f"{name}-pod", "labels": job["metadata"]["labels"]}
        status = {**self.status, "podIP": f"10.42.0.{number}"}
        self.pods[f"{name}-pod"] = number, {"metadata": metadata, "status": status}

    def list_pods(self, selector):
        return [pod for _, pod in self.pods.values() if self._run(pod) in selector]

    @staticmethod
    def _run(pod):
        return pod["metadata"]["labels"]["vantage6.ai/run-id"]

    def delete_job(self, name):
        self.deleted.append(name)

    def service_address(self, _name):
        return AROUND.proxy

    def log(self, number):
        if self.is_silent(number):
            return "Traceback"
        report = {
            "walls_test": 1,
            "began_ms": 40,
            "ended_ms": 10_000,
            "machine": "",
            "accepted": CLOSED,
            "targets": [self.sees(number, target) for target in self.plans[number]],
        }
        return f'{{"ipv6_addresses": ["fe80::{number}%eth0"]}}\n{json.dumps(report)}\n'

    def read(self, pod, _bookmark):
        yield Piece(self.log(self.pods[pod][0]).encode(), Position())


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def verdict(cluster, monkeypatch):
    """Make a self-test in the cluster, and return the verdict."""
    monkeypatch.setattr(self_test, "_BETWEEN_SECONDS", 0.0)
    monkeypatch.setattr(self_test, "_REPORTS_SECONDS", 0.3)
    monkeypatch.setattr(self_test, "_CONTROL_SECONDS", 0.3)
    monkeypatch.setattr(self_test, "ContainerLogs", lambda *_: cluster)
    monkeypatch.setattr(self_test, "look_around", lambda *_: AROUND)
    monkeypatch.setattr(self_test, "reached_from_here", lambda targets, _: [*targets[:1]])

    def make(ended=None):
        test = SelfTest(config(), None, cluster, lambda: 8081)
        return test.run(ended or threading.Event())

    return make


def is_control(number):
    return number == 0


def test_closed_ways_to_live_targets_are_walls(cluster, verdict):
    found = verdict()
    assert found.enforcement is Enforcement.AT_ONCE
    assert found.pods == 9
    assert "the API server's Service" in found.tested
    assert {"another pod", "another algorithm's pod", "from another pod"} <= set(found.tested)
    assert "DNS by UDP" in found.not_tested


def test_the_control_shows_that_a_target_is_up(cluster, verdict):
    reaches = cluster.sees
    cluster.sees = lambda number, target: THROUGH if is_control(number) else reaches(number, target)
    assert "DNS by UDP" in verdict().tested


def test_one_control_nine_testers_and_the_proxy_comes_first(cluster, verdict):
    verdict()
    components = [
        job["metadata"]["labels"]["app.kubernetes.io/component"] for job in cluster.jobs.values()
    ]
    assert components == ["walls-control"] + ["algorithm"] * 9
    assert all(plan[0] == ("tcp", AROUND.proxy, 8080) for plan in cluster.plans[1:])
    assert ("tcp", "10.42.0.0", 8099) in cluster.plans[1]
    assert ("tcp", "fe80::0%eth0", 8099) in cluster.plans[1]
    assert ("tcp", "10.42.0.1", 8099) in cluster.plans[9]


def test_one_open_way_of_one_pod_of_the_burst_is_seen(cluster, verdict):
    closed = cluster.sees
    leaks = [200, 12, 60, 640, True]
    cluster.sees = lambda number, target: (
        leaks if number == 7 and target[2] == 443 else closed(number, target)
    )
    found = verdict()
    assert found.enforcement is Enforcement.LATE
    assert (found.window_ms, found.kept) == (640, 1)
    assert found.open_ways == ("the API server's Service",)


def test_all_jobs_are_removed(cluster, verdict):
    verdict()
    assert sorted(cluster.deleted) == sorted(cluster.jobs)
    runs = [job["metadata"]["labels"][LABEL_RUN] for job in cluster.jobs.values()]
    assert len(set(runs)) == 10
    assert all(run.startswith(TESTER_RUN) for run in runs)


def test_a_quota_that_refuses_the_pods_is_told(cluster, verdict):
    cluster.refuses = lambda _number: True
    found = verdict()
    assert found.enforcement is Enforcement.UNKNOWN
    assert "status 403: exceeded quota: pods" in found.reason


def test_a_quota_that_has_room_for_some_pods_is_enough_if_they_are_many(cluster, verdict):
    cluster.refuses = lambda number: number > 5
    assert verdict().enforcement is Enforcement.AT_ONCE


def test_without_a_control_the_nodes_own_look_counts(cluster, verdict):
    """For example with a policy for Jobs of an older node, which knows no control."""
    create, tried = cluster.create_job, []

    def create_all_but_the_first(job):
        tried.append(job)
        if len(tried) == 1:
            raise REFUSED
        create(job)

    cluster.create_job = create_all_but_the_first
    found = verdict()
    assert found.enforcement is Enforcement.AT_ONCE
    assert "the API server's Service" in found.tested
    assert "another pod" not in found.tested


def test_pods_that_never_start_are_named_and_removed(cluster, verdict, monkeypatch):
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}
    cluster.status = {"phase": "Pending", "containerStatuses": [{"state": waiting}]}
    found = verdict()
    assert found.enforcement is Enforcement.UNKNOWN
    assert "ErrImagePull no such image" in found.reason
    assert set(cluster.jobs) <= set(cluster.deleted)


def test_pods_without_a_report_prove_nothing(cluster, verdict):
    cluster.is_silent = lambda _number: True
    assert "the pod ended without a report" in verdict().reason


def test_without_the_proxy_nothing_is_tested(cluster, verdict, monkeypatch):
    monkeypatch.setattr(self_test, "look_around", lambda *_: Surroundings())
    assert verdict().reason == "the proxy's Service v6proxy has no address"
    assert cluster.jobs == {}


def test_an_api_server_that_is_away_gives_no_verdict(cluster, verdict, monkeypatch):
    def fails(*_):
        raise ClusterError("GET /api", 0, "NewConnectionError", "refused")

    monkeypatch.setattr(self_test, "look_around", fails)
    assert verdict().reason == "the API server gave no answer (ClusterError)"


def test_an_api_server_that_is_away_for_a_moment_costs_no_test(cluster, verdict):
    lists, answers = cluster.list_pods, [ClusterError("GET /pods", 503, "Away", "later")] * 2

    def list_pods(selector):
        if answers:
            raise answers.pop()
        return lists(selector)

    cluster.list_pods = list_pods
    assert verdict().enforcement is Enforcement.AT_ONCE


def test_a_right_that_is_missing_ends_the_test(cluster, verdict):
    def list_pods(_selector):
        raise ClusterError("GET /pods", 403, "Forbidden", "no right")

    cluster.list_pods = list_pods
    assert verdict().reason == "status 403: no right"
    assert set(cluster.jobs) <= set(cluster.deleted)


def test_a_fault_of_the_node_itself_is_told(cluster, verdict):
    cluster.list_pods = lambda _selector: [{}]
    assert verdict().reason == "the self-test failed (KeyError); the node's log has more"


def test_the_end_of_the_node_ends_the_test_and_removes_its_pods(cluster, verdict):
    ended = threading.Event()
    ended.set()
    cluster.status = {"phase": "Pending"}
    assert verdict(ended).enforcement is Enforcement.UNKNOWN
    assert set(cluster.jobs) <= set(cluster.deleted)
    assert len(cluster.jobs) == 1


def test_a_running_pod_is_read_for_its_addresses_and_again_after_its_test(monkeypatch):
    pod = tester_pods.TesterPod("walls-1", "job", ())
    assert not tester_pods._may_have_told(pod)
    status = {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}
    tester_pods._note_status(pod, {"status": status})
    assert tester_pods._may_have_told(pod)
    pod.has_told_addresses = True
    assert not tester_pods._may_have_told(pod)
    monkeypatch.setattr(tester_pods, "TEST_SECONDS", -1.0)
    assert tester_pods._may_have_told(pod)
