"""A hostile algorithm attacks its surroundings; the table in docs/dev/security.md has the outcomes.

The control makes the same attacks in a pod without walls: root, privileged, with the machine's
folders, a token of Kubernetes, and no NetworkPolicy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devstation import DummyStation
from tests.cluster.evil_surroundings import CANARY, IMAGE, Report, Surroundings, report_in

pytestmark = (
    pytest.mark.dev_cluster
)  # another's cluster is not attacked, and gets no privileged pod
PAGE = Path(__file__).resolve().parents[2] / "docs/dev/security.md"
PATIENCE_SECONDS = 300.0
#: The only way that algorithms have.
OPEN = {"connect to the proxy"}
#: Attacks that may fail in the control too, with the reason; some depend on the machine.
WITHOUT_A_CONTROL = {
    "connect to the proxy": "the proxy takes calls of algorithms only",
    "connect to the node": "the node takes no call of any pod",
    "connect by IPv6": "the dev cluster has IPv4 only",
    "open the machine's memory": "a kernel may have no such device",
    "load a module": "a kernel may have no modules",
    "load a module from a file": "a kernel may have no modules",
    "load another kernel": "a kernel may be unable to",
    "write to /proc/sysrq-trigger": "a kernel may have no such file",
    "write to /sys/power/state": "a kernel may have no such file",
    "be spared when memory is short": "the machine may be a container without CAP_SYS_RESOURCE",
}


def rows_of_the_page() -> set[str]:
    """Return the attacks in the table of the page."""
    _, _, section = PAGE.read_text().partition("## A hostile algorithm's attacks\n")
    table = section.partition("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE))


@dataclass(frozen=True)
class Attacked:
    """Report and result of the hostile run, report of the control, and result of a neighbour."""

    report: Report
    control: Report
    result: dict[str, Any]
    neighbour: dict[str, Any]


@pytest.fixture(scope="module")
def attacked(station: DummyStation) -> Iterator[Attacked]:
    around = Surroundings(station)
    try:
        around.set_up()
        around.start_control()
        plan = around.plan() | {"output": "/app/output"}
        trap = plan["foreign"]["another database"][0]
        payload = station.payload(
            json.dumps(plan | {"trap": trap}), image=station.cluster.image(IMAGE)
        )
        neighbour = station.payload()
        with station.emitter() as emitter:
            assert emitter.post(payload)["accepted"]
            assert emitter.post(neighbour)["accepted"]
            beside = emitter.wait(neighbour["run_id"], PATIENCE_SECONDS)
            result = emitter.wait(payload["run_id"], PATIENCE_SECONDS)
        assert (result["status"], result["cause"]) == ("completed", None), result["log"]
        yield Attacked(report_in(result["log"]), around.control_report(), result, beside)
    finally:
        around.remove()


def test_the_page_has_a_row_for_each_attack(attacked: Attacked):
    assert rows_of_the_page() == set(attacked.report) - OPEN


@pytest.mark.parametrize("name", sorted(rows_of_the_page()))
def test_an_attack_fails(attacked: Attacked, name: str):
    assert attacked.report[name]["succeeded"] is False, attacked.report[name]


def test_the_proxy_is_reached(attacked: Attacked):
    assert {name for name, row in attacked.report.items() if row["succeeded"]} == OPEN


def test_without_walls_the_same_attacks_succeed(attacked: Attacked):
    """The control: the walls, and not a fault of the attacks, make them fail."""
    failed = {name: row for name, row in attacked.control.items() if not row["succeeded"]}
    assert failed.keys() <= WITHOUT_A_CONTROL.keys(), failed
    assert {name for name, row in attacked.control.items() if row["succeeded"] is None} == set()


def test_the_node_lists_plain_files_only_and_follows_nothing(attacked: Attacked):
    listed = {each["path"] for each in attacked.result["output"]}
    assert listed == {"setuid", "name\nof two lines \x1b[2J"}
    assert CANARY not in json.dumps(attacked.result)


def test_a_neighbour_is_unharmed(attacked: Attacked):
    assert (attacked.neighbour["status"], attacked.neighbour["cause"]) == ("completed", None)
    assert "average of Age" in attacked.neighbour["log"]
