"""A central function with subtasks at both organizations, and its requests through the proxy."""

from __future__ import annotations

import pytest

from demo.report import average_of
from devstation import ROOT


@pytest.mark.parametrize("collaboration", ["plain", "encrypted"])
def test_both_organizations_make_one_average(collaboration, request):
    asking = request.getfixturevalue("asking" if collaboration == "plain" else "asking_encrypted")
    names = ("alpha", "beta")
    organizations = [asking.federation.world.organization(name) for name in names]
    result = asking.ask(
        "central_average",
        "default",
        image="v6_federated_average",
        column_name="Age",
        organizations=organizations,
    )
    expected = average_of((ROOT / "csv" / "employees.csv").read_text(), "Age")
    assert result["average"] == pytest.approx(expected, rel=1e-12)


def test_a_researcher_reads_why_a_column_cannot_be_averaged(asking):
    task = asking.post(
        "partial_average", "default", image="v6_federated_average", column_name="Height"
    )
    assert asking.client.wait(task, timeout=120)["status"] == "crashed"
    (log,) = asking.client.logs(task).values()
    assert "there is no column 'Height'" in log


@pytest.mark.parametrize("collaboration", ["plain", "encrypted"])
def test_twenty_megabytes_come_whole(collaboration, request):
    asking = request.getfixturevalue("asking" if collaboration == "plain" else "asking_encrypted")
    result = asking.ask("big", megabytes=20)
    assert len(result) == 20_000_000
    assert set(result) <= set("0123456789abcdef")
