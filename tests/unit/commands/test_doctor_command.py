"""The lines and the exit code of ``doctor``."""

import io

import pytest

from node_poc.cluster.connect import NoClusterError
from node_poc.cluster.errors import ClusterError
from node_poc.commands import doctor as module
from node_poc.commands.doctor import doctor, of_verdict
from node_poc.config.kubernetes import Walls
from node_poc.isolation.wanted import wanted_policies
from node_poc.runs.walls_verdict import Enforcement, WallsVerdict, unknown
from tests.fakes.examples import config
from tests.fakes.walls import stored

AT_ONCE = WallsVerdict(Enforcement.AT_ONCE, tested=("the API", "DNS"), pods=9)
LATE = WallsVerdict(Enforcement.LATE, window_ms=700, open_ways=("the API",), tested=("the API",))
NOT = WallsVerdict(Enforcement.NOT, open_ways=("the API",), tested=("the API",))
RIGHT = [stored(policy) for policy in wanted_policies(config(), {})]


@pytest.fixture
def examine(monkeypatch):
    """Call ``doctor`` in a cluster with these policies and this verdict."""

    def call(verdict=AT_ONCE, policies=RIGHT, **walls):
        def listed(_api, path, _selector):
            assert path.endswith("/namespaces/v6-jobs/networkpolicies")
            if isinstance(policies, Exception):
                raise policies
            return policies, "1"

        monkeypatch.setattr(module, "connect", lambda _context: None)
        monkeypatch.setattr(module, "list_all", listed)
        monkeypatch.setattr(module.SelfTest, "run", lambda *_: verdict)
        monkeypatch.setattr(module, "ClusterObjects", FakeObjects)
        monkeypatch.setattr("node_poc.cluster.self_test.ContainerLogs", lambda *_: None)
        out = io.StringIO()
        code = doctor(config(walls=walls), context=None, health_port=8081, out=out)
        return code, out.getvalue().splitlines()

    return call


class FakeObjects:
    pods_path = "/pods"

    def __init__(self, *_arguments):
        pass


def test_all_is_well(examine):
    code, lines = examine()
    assert code == 0
    assert lines == [
        "ok       the NetworkPolicies: all are there, and none opens another way",
        "ok       the self-test: enforced at once (9 pods, 2 ways)",
        "ok       the self-test tried: the API, DNS",
    ]


def test_a_policy_that_is_missing_is_a_failure_with_its_remedy(examine):
    code, lines = examine(policies=RIGHT[1:])
    assert code == 1
    assert lines[0].startswith("failure  NetworkPolicy v6-algorithms is missing; apply the")


def test_open_walls_are_a_failure_with_the_ways(examine):
    code, lines = examine(NOT)
    assert code == 1
    assert "failure  the self-test: not enforced: open are the API; let the" in "\n".join(lines)


@pytest.mark.parametrize(("gate", "code"), [("auto", 0), ("on", 0), ("off", 1)])
def test_a_window_is_a_failure_without_a_gate_only(examine, gate, code):
    assert examine(LATE, gate=gate)[0] == code


def test_a_test_without_a_result_is_a_warning(examine):
    code, lines = examine(unknown("exceeded quota"))
    assert code == 0
    assert lines[-1].startswith("warning  the self-test: unknown: exceeded quota; ")


def test_protection_that_is_switched_off_is_a_warning(examine):
    code, lines = examine(required=False, self_test_hours=None)
    assert code == 0
    assert [line.split()[0] for line in lines[:2]] == ["warning", "warning"]


def test_ways_without_a_live_destination_are_named():
    verdict = WallsVerdict(Enforcement.AT_ONCE, tested=("a",), not_tested=("b", "c"), pods=9)
    *_, line = of_verdict(Walls(), verdict)
    assert str(line).startswith("warning  the self-test proves nothing about: b, c; ")


def test_a_cluster_that_refuses_is_told(examine, capsys):
    refused = ClusterError("GET /networkpolicies", 403, "Forbidden", "no")
    assert examine(policies=refused) == (4, [])
    assert "403" in capsys.readouterr().err


def test_no_cluster_is_told(monkeypatch, capsys):
    def fails(_context):
        raise NoClusterError("no cluster: none")

    monkeypatch.setattr(module, "connect", fails)
    assert doctor(config(), context=None, health_port=1, out=io.StringIO()) == 4
    assert capsys.readouterr().err == "error: no cluster: none\n"
