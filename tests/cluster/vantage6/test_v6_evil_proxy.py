"""A hostile algorithm finds no way through the real proxy but the API with its own token."""

from __future__ import annotations

from devstation import Cluster
from tests.cluster.evil_surroundings import IMAGE
from tests.cluster.vantage6.conftest import Asking


def test_the_proxy_is_a_way_to_the_api_only(asking: Asking, cluster: Cluster):
    report = asking.ask("attack", image=IMAGE, plan={"outside": cluster.outside})
    assert len(report) == 10
    assert {name for name, row in report.items() if row["succeeded"] is None} == set()
    assert {name for name, row in report.items() if row["succeeded"]} == {"read the own tasks"}
    assert all(
        "the proxy answered" in row["told"] for row in report.values() if not row["succeeded"]
    )
