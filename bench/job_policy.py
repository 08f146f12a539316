"""The policy that keeps the measured node to its own Jobs, for the time of a measurement."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from bench.errors import BenchError
from bench.station import BenchStation
from node_poc.cluster.job_policy_check import forbidden_job
from node_poc.isolation.job_policy import build_job_policy, sample_job

_SECONDS = 60.0


@contextmanager
def job_policy(station: BenchStation, *, is_on: bool) -> Iterator[None]:
    """Keep the policy for the station's present configuration in force; without ``is_on``, do
    nothing.

    Raises:
        BenchError: the API server does not enforce the policy.
    """
    if not is_on:
        yield
        return
    (node,) = (
        item["spec"]["template"]["spec"]
        for item in station.objects()
        if item["kind"] == "Deployment" and item["metadata"]["name"] == "v6-node"
    )
    account, group = node["serviceAccountName"], node["securityContext"]["runAsGroup"]
    policy = build_job_policy(station.config(), account, group)
    station.cluster.apply(*policy)
    try:
        _await(station, account, group)
        yield
    finally:
        station.cluster.delete(*policy)


def _await(station: BenchStation, account: str, group: int) -> None:
    job = forbidden_job(sample_job(station.config(), group))
    job["metadata"]["namespace"] = station.location.namespace
    user = f"system:serviceaccount:{station.location.namespace}:{account}"
    command = ("create", "--dry-run=server", f"--as={user}", "-f", "-")
    end = time.monotonic() + _SECONDS
    while "ValidatingAdmissionPolicy" not in (
        told := station.cluster.kubectl(*command, text_in=yaml.safe_dump(job), check=False)
    ):
        if time.monotonic() > end:
            raise BenchError(f"the policy for Jobs is not in force: {told.strip()[:300]}")
        time.sleep(0.2)
