"""A Job with this node's labels without a run: reported, kept for a while, then removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import structlog

from devstation import Cluster, wait_for
from node_poc.config.load import parse_config
from node_poc.engine import orphans
from node_poc.manifests.job import build_job
from node_poc.runs.model import RunSpec
from tests.cluster.side_station import SideStation

NOBODYS = 4_000_000_001
_LEFT_ALONE_SECONDS = 10.0


@pytest.fixture
def station(
    cluster: Cluster,
    api_access: None,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[SideStation]:
    monkeypatch.setattr(orphans, "_ORPHAN_SECONDS", _LEFT_ALONE_SECONDS)
    station = SideStation(cluster, "orphans", tmp_path)
    try:
        station.set_up()
        yield station
    finally:
        station.remove()


def job_of_nobody(station: SideStation) -> dict[str, Any]:
    """Return a Job like the node's own Jobs, for a run that the node does not know."""
    namespace = station.location.namespace
    names = f"{{node_name: {namespace}, namespace: {namespace}}}"
    text = f"server_url: http://nowhere\ntask_dir: {station.tasks}\nkubernetes: {names}\n"
    spec = RunSpec(
        run_id=NOBODYS, image=f"{station.cluster.images}/no-such-image:1", arguments=("x",)
    )
    return build_job(spec, parse_config(text, {}), None, 10001)


def test_a_job_of_nobody_is_told_and_removed_and_a_run_beside_it_goes_on(station: SideStation):
    station.stop_node()
    station.cluster.apply(job_of_nobody(station))
    with structlog.testing.capture_logs() as logs:
        station.start_node()
        wait_for(lambda: told_of(NOBODYS, logs), "it is told")
        assert station.job_of(NOBODYS) is not None
        assert station.run(station.payload())["status"] == "completed"
        wait_for(lambda: station.job_of(NOBODYS) is None, "the Job is removed")
    first, second = told_of(NOBODYS, logs)
    assert "belongs to no run" in first
    assert "removed now" in second


def told_of(run_id: int, logs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of the node's log about a run, all of them warnings."""
    lines = [line for line in logs if line.get("run_id") == run_id]
    assert {line["log_level"] for line in lines} <= {"warning"}
    return [line["event"] for line in lines]
