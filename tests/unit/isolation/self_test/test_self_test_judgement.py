"""The verdict on the reports of a self-test."""

import pytest

from node_poc.config.model import NodeConfig
from node_poc.isolation.self_test.judgement import INWARD, ReportedTester, judge
from node_poc.isolation.self_test.reports import Report, Tries
from node_poc.isolation.self_test.targets import MACHINE, Target
from node_poc.runs.walls_verdict import Enforcement
from tests.fakes.examples import config

PROXY = Target("the proxy", "tcp", "10.96.0.77", 8080)
API = Target("the API", "tcp", "10.96.0.1", 443)
DNS = Target("DNS", "udp", "10.96.0.10", 53)
KUBELET = Target("the kubelet", "tcp", MACHINE, 10250)
CLOSED = Tries(200)
ANSWERS = Tries(200, 195, 300, 9990, lived_on=True)
ENDED_MS = 10_000
LIVE = {API.way, DNS.way}


def reported(api=CLOSED, dns=CLOSED, *, proxy=ANSWERS, accepted=CLOSED, kubelet=None, machine=""):
    targets, seen = (PROXY, API, DNS), (proxy, api, dns)
    if kubelet is not None:
        targets, seen = (*targets, KUBELET), (*seen, kubelet)
    return ReportedTester(targets, Report(50, ENDED_MS, machine, accepted, seen))


def verdict(*testers, live=LIVE, troubles=(), settings=None):
    return judge(settings or config(), testers, live, troubles, 7.0)


def until(last_ms, *, through=5, lived_on=False):
    return Tries(200, through, 60, last_ms, lived_on)


def test_nothing_came_through_to_live_targets():
    found = verdict(*[reported()] * 4)
    assert found.enforcement is Enforcement.AT_ONCE
    assert (found.pods, found.made_at) == (4, 7.0)
    assert found.tested == ("DNS", "the API")
    assert found.not_tested == (INWARD,)
    assert not found.needs_gate


def test_a_way_into_the_pods_is_tested_if_others_reach_pods_at_all():
    assert INWARD in verdict(*[reported()] * 4, live={*LIVE, INWARD}).tested


def test_a_target_that_nobody_reaches_proves_nothing():
    found = verdict(*[reported()] * 4, live={API.way})
    assert found.enforcement is Enforcement.AT_ONCE
    assert found.not_tested == ("DNS", INWARD)


def test_a_target_that_was_never_tried_is_not_tested():
    """For example an address that the pod does not know."""
    assert verdict(*[reported(dns=Tries(0))] * 4).not_tested == ("DNS", INWARD)


@pytest.mark.parametrize(
    ("late", "window_ms", "kept", "ways"),
    [
        ({"api": until(900, lived_on=True)}, 900, 1, ("the API",)),
        ({"dns": until(60, through=1)}, 60, 0, ("DNS",)),
        ({"api": until(400), "dns": until(1100)}, 1100, 0, ("DNS", "the API")),
        ({"accepted": until(700)}, 700, 0, (INWARD,)),
        ({"api": until(6999)}, 6999, 0, ("the API",)),
    ],
)
def test_one_pod_of_many_that_got_through_for_a_moment_is_a_window(late, window_ms, kept, ways):
    found = verdict(*[reported()] * 8, reported(**late))
    assert found.enforcement is Enforcement.LATE
    assert (found.window_ms, found.kept, found.open_ways) == (window_ms, kept, ways)
    assert found.needs_gate


@pytest.mark.parametrize(
    ("still", "ways"),
    [
        ({"api": until(9990, through=199)}, ("the API",)),
        ({"api": until(7001)}, ("the API",)),
        ({"api": until(9990), "dns": until(900)}, ("the API",)),
        ({"accepted": until(9000)}, (INWARD,)),
    ],
)
def test_one_way_that_stays_open_in_one_pod_is_no_wall(still, ways):
    found = verdict(*[reported()] * 8, reported(**still))
    assert found.enforcement is Enforcement.NOT
    assert found.open_ways == ways


def test_an_open_way_counts_even_without_a_control():
    assert verdict(*[reported(api=until(9990))] * 4, live=()).enforcement is Enforcement.NOT


def test_a_single_report_of_an_open_way_is_enough():
    found = verdict(reported(api=until(9990)), troubles=["quota"])
    assert found.enforcement is Enforcement.NOT
    assert verdict(reported(api=until(500))).enforcement is Enforcement.LATE


def test_too_few_reports_prove_nothing_and_the_reason_is_told():
    found = verdict(*[reported()] * 3, troubles=["exceeded quota", "exceeded quota", "no room"])
    assert found.enforcement is Enforcement.UNKNOWN
    assert found.reason == ("only 3 pods of the self-test reported: exceeded quota; no room")


@pytest.mark.parametrize("proxy", [CLOSED, until(5000)])
def test_a_pod_without_a_network_proves_nothing(proxy):
    found = verdict(*[reported()] * 3, *[reported(proxy=proxy)] * 6)
    assert found.enforcement is Enforcement.UNKNOWN
    assert "the proxy answered only 3 of 9 pods" in found.reason


def test_without_a_live_target_nothing_is_proven():
    found = verdict(*[reported()] * 9, live=())
    assert found.enforcement is Enforcement.UNKNOWN
    assert "none of the forbidden destinations answered" in found.reason
    assert verdict(*[reported()] * 9, live={INWARD}).enforcement is Enforcement.UNKNOWN


def test_a_machine_that_the_site_has_opened_is_no_open_way():
    opened = reported(kubelet=until(9990), machine="10.42.0.1")
    data = config().model_dump() | {"whitelist": {"ips": ["10.42.0.0/16"], "ports": [10250]}}
    whitelisting = NodeConfig.model_validate(data)
    assert verdict(*[opened] * 4).enforcement is Enforcement.NOT
    assert verdict(*[opened] * 4, settings=whitelisting).enforcement is Enforcement.AT_ONCE
