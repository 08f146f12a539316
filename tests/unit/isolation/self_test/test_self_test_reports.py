"""What is found in the log of a pod of the self-test."""

import json

import pytest

from node_poc.isolation.self_test.reports import Tries, find_addresses, find_report

REPORT = {
    "walls_test": 1,
    "began_ms": 40,
    "ended_ms": 10_050,
    "machine": "10.42.0.1",
    "accepted": [2, 2, 90, 700, False],
    "targets": [[200, 190, 45, 10_010, True], [200, 0, 0, 0, False]],
}
TEXT = json.dumps(REPORT)


def test_a_report_is_found_among_other_lines():
    report = find_report(f'noise\n{{"ipv6_addresses": []}}\n[1]\n{TEXT}\nnoise', 2)
    assert (report.began_ms, report.ended_ms, report.machine) == (40, 10_050, "10.42.0.1")
    assert report.accepted == Tries(2, 2, 90, 700)
    assert report.targets == (Tries(200, 190, 45, 10_010, lived_on=True), Tries(200))


@pytest.mark.parametrize(
    "log",
    [
        "",
        "Traceback",
        TEXT[:-9],  # cut
        json.dumps(REPORT | {"walls_test": 2}),
        json.dumps(REPORT | {"targets": [[1, 2]]}),
        json.dumps(REPORT | {"targets": 7}),
        json.dumps({"walls_test": 1}),
    ],
)
def test_other_logs_have_no_report(log):
    assert find_report(log, 2) is None


def test_a_report_about_another_number_of_targets_is_none():
    assert find_report(TEXT, 3) is None


def test_addresses_are_told_before_the_report():
    assert find_addresses('{"ipv6_addresses": ["fe80::1%eth0"]}\n' + TEXT) == ("fe80::1%eth0",)
    assert find_addresses('{"ipv6_addresses": []}') == ()
    assert find_addresses(TEXT) is None
