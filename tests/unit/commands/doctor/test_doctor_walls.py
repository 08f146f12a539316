"""The findings of ``doctor`` about policies, opened ways and the self-test."""

import pytest

from node_poc.cluster.errors import ClusterError
from node_poc.commands.doctor import walls as module
from node_poc.commands.doctor.lines import Level
from node_poc.commands.doctor.walls import of_verdict, opened_ways
from node_poc.config.walls import Walls
from node_poc.isolation.wanted import wanted_policies
from node_poc.runs.walls_verdict import Enforcement, WallsVerdict, unknown
from tests.fakes.examples import config, vantage6_config
from tests.fakes.walls import stored

AT_ONCE = WallsVerdict(Enforcement.AT_ONCE, tested=("the API", "DNS"), pods=9)
LATE = WallsVerdict(Enforcement.LATE, window_ms=700, open_ways=("the API",), tested=("the API",))
NOT = WallsVerdict(Enforcement.NOT, open_ways=("the API",), tested=("the API",))
RIGHT = [stored(policy) for policy in wanted_policies(config(), {})]

OWN_WAYS = (
    "ok       the policies open for the node: DNS, TCP 443, 5000 (no metadata address), "
    "the API server's 443, 6443, 16443 (every address); "
    "for the proxy: DNS, TCP 80, 443, 5000 (no metadata address)"
)


@pytest.fixture
def policies(monkeypatch):
    """Look at these policies, and return the lines."""

    def call(policies=RIGHT, **walls):
        def listed(_api, path, _selector):
            assert path.endswith("/namespaces/v6-jobs/networkpolicies")
            return policies, "1"

        monkeypatch.setattr(module, "list_all", listed)
        return list(map(str, module.look_at_policies(config(walls=walls), None)))

    return call


def levels(lines):
    return [line.level for line in lines]


def test_right_policies(policies):
    assert policies() == [
        "ok       the NetworkPolicies: all are there, and none opens another way",
        "ok       the site opens no way for algorithms beside the proxy",
        OWN_WAYS,
    ]


def test_own_pods_without_walls_are_a_warning(policies):
    first, *rest = policies(own_egress="open")
    assert first.startswith("warning  kubernetes.walls.own_egress is open")
    assert not any("open for the node" in line for line in rest)


def test_a_policy_that_is_missing_is_a_failure_with_its_remedy(policies):
    first, *_ = policies(RIGHT[1:])
    assert first.startswith("failure  NetworkPolicy v6-algorithms is missing; apply the")


def test_protection_that_is_switched_off_is_a_warning(policies):
    lines = policies(required=False, self_test_hours=None)
    assert [line.split()[0] for line in lines[:2]] == ["warning", "warning"]


def test_a_cluster_that_refuses_is_an_error_for_the_caller(monkeypatch):
    def refuses(*_):
        raise ClusterError("GET /networkpolicies", 403, "Forbidden", "no")

    monkeypatch.setattr(module, "list_all", refuses)
    with pytest.raises(ClusterError):
        list(module.look_at_policies(config(), None))


def test_ways_that_the_site_opens_are_named():
    (line,) = opened_ways(vantage6_config())
    assert "whitelist.ips " in line.found
    assert "; database ohdsi" in line.found


def test_open_walls_are_a_failure_with_the_ways():
    first, *_ = of_verdict(Walls(), NOT)
    assert str(first).startswith("failure  the self-test: not enforced: open are the API; let the")


@pytest.mark.parametrize(
    ("gate", "level"), [("auto", Level.OK), ("on", Level.OK), ("off", Level.FAILURE)]
)
def test_a_window_is_a_failure_without_a_gate_only(gate, level):
    assert levels(of_verdict(Walls(gate=gate), LATE))[0] is level


def test_proven_walls_name_the_ways_that_were_tried():
    assert list(map(str, of_verdict(Walls(), AT_ONCE))) == [
        "ok       the self-test: enforced at once (9 pods, 2 ways)",
        "ok       the self-test tried: the API, DNS",
    ]


def test_a_test_without_a_result_is_a_warning():
    (line,) = of_verdict(Walls(), unknown("exceeded quota"))
    assert str(line).startswith("warning  the self-test: unknown: exceeded quota; ")


def test_ways_without_a_live_destination_are_named():
    verdict = WallsVerdict(Enforcement.AT_ONCE, tested=("a",), not_tested=("b", "c"), pods=9)
    *_, line = of_verdict(Walls(), verdict)
    assert str(line).startswith("warning  the self-test proves nothing about: b, c; ")
