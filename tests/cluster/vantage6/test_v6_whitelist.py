"""Runs of a vantage6 server reach the names of the station's whitelist, and its proxy as before."""

from __future__ import annotations

import json
from typing import Any

from devstation import Cluster
from node_poc.manifests.identity import LABEL_COMPONENT, LABEL_NODE, Identity
from tests.cluster.vantage6.conftest import LISTED, NAMESPACE, UNLISTED, WHITELIST_STATION, Asking

NODE = f"{LABEL_COMPONENT}=node,{LABEL_NODE}={Identity(WHITELIST_STATION.name).node_label}"
AT = (WHITELIST_STATION.organization,)


def test_a_run_reads_pages_of_the_whitelist_and_no_other(asking: Asking, cluster: Cluster):
    listed, unlisted = f"http://{LISTED}/page?secret=1", f"http://{UNLISTED}/page"
    assert asking.ask("fetch", at=AT, addresses=[listed, unlisted]) == {listed: 200, unlisted: 403}
    proxy = asking.ask("own_proxy", at=AT)
    reached = asking.ask("reach_all", at=AT, addresses=[cluster.outside, proxy])
    assert [address for address, how in reached.items() if how == "connected"] == [proxy]

    # The station's own record of the run names the way that was open.
    task = asking.post("sleep", at=AT, seconds=0)
    assert asking.client.wait(task, timeout=180)["status"] == "completed"
    run_id = asking.client.runs(task)[0]["id"]
    (started,) = [entry for entry in _trail(cluster, run_id) if entry["event"] == "run started"]
    assert any(LISTED in way for way in started["opened_ways"])


def _trail(cluster: Cluster, run_id: int) -> list[dict[str, Any]]:
    (pod,) = cluster.get("pods", "-l", NODE, namespace=NAMESPACE)
    audit = ("/opt/venv/bin/python", "-m", "node_poc", "audit", "show", "--run", str(run_id))
    words = ("exec", pod["metadata"]["name"], "--", *audit, "--json")
    lines = cluster.kubectl("-n", NAMESPACE, *words).splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_without_a_whitelist_no_page_is_reached(asking: Asking):
    address = f"http://{LISTED}/page"
    assert isinstance(asking.ask("fetch", addresses=[address])[address], str)
