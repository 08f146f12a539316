"""A mesh's sidecar that never ends: the run is delivered and its Job is removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from devstation import Cluster, wait_for
from node_poc.config.load import load_config
from node_poc.engine import lingering_jobs
from node_poc.manifests.job import build_job
from node_poc.protocol.dummy.messages import parse_command
from tests.cluster.side_station import Listener, SideStation, listening, told


@pytest.fixture
def listener(
    cluster: Cluster, api_access: None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Listener]:
    monkeypatch.setattr(lingering_jobs, "_SLACK_SECONDS", 10.0)
    station = SideStation(cluster, "sidecar", tmp_path, keep_finished_seconds=0)
    with listening(station) as listener:
        yield listener


def job_with_sidecar(station: SideStation, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the node's future Job with an additional container, and without a pod."""
    config = load_config(station._config, {})
    job = build_job(parse_command(payload, config), config, None, os.getgid())
    (algorithm,) = job["spec"]["template"]["spec"]["containers"]
    sidecar = {
        "name": "istio-proxy",
        "image": algorithm["image"],
        "command": ["sleep", "3600"],
        "resources": algorithm["resources"],
    }
    job["spec"]["template"]["spec"]["containers"].append(sidecar)
    job["spec"]["suspend"] = True
    return job


def test_the_job_of_a_delivered_run_goes_though_a_sidecar_lives_on(listener: Listener):
    station = listener.station
    assert isinstance(station, SideStation)
    payload = station.payload()
    run_id = payload["run_id"]
    job = job_with_sidecar(station, payload)
    station.cluster.apply(job)  # the node's own attempt finds this Job
    listener.post("sidecar", run_id=run_id, tmp_vol_name=payload["tmp_vol_name"])
    output = station.tasks / str(run_id) / "output"
    wait_for(output.is_dir, "the run's files are there")
    go = '{"spec": {"suspend": false}}'
    station.kubectl("patch", "job", job["metadata"]["name"], "--type", "merge", "-p", go)
    assert told(listener.result(run_id)) == ("completed", None, None, None)
    (pod,) = station.pods_of(run_id)
    assert pod["status"]["phase"] == "Running"  # because of the sidecar: the Job cannot finish
    wait_for(lambda: station.job_of(run_id) is None, "the Job is removed")
    wait_for(lambda: not station.pods_of(run_id), "its pod is gone")
