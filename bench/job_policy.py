"""The policy that keeps the measured node to its own Jobs: in force, or taken away, for a while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.errors import BenchError
from bench.station import BenchStation
from node_poc.cluster.job_policy_check import forbidden_job
from node_poc.commands.render import account_of, own_group
from node_poc.isolation.job_policy import sample_job
from node_poc.manifests.yaml_output import to_yaml

_SECONDS = 60.0


@contextmanager
def job_policy(station: BenchStation, *, is_on: bool) -> Iterator[None]:
    """Wait until the station's policy for Jobs is in force, or without ``is_on`` take it away.

    Raises:
        BenchError: the API server does not do so within a minute.
    """
    policy = [each for each in station.objects() if "AdmissionPolicy" in each["kind"]]
    if not is_on:
        station.cluster.delete(*policy)
    try:
        _await(station, is_on=is_on)
        yield
    finally:
        if not is_on:
            station.cluster.apply(*policy)


def _await(station: BenchStation, *, is_on: bool) -> None:
    config = station.config()
    job = forbidden_job(sample_job(config, own_group()))
    user = f"system:serviceaccount:{config.kubernetes.namespace}:{account_of(config)}"
    command = ("create", "--dry-run=server", f"--as={user}", "-f", "-")
    end = time.monotonic() + _SECONDS
    while True:
        told = station.cluster.kubectl(*command, text_in=to_yaml([job]), check=False)
        if ("ValidatingAdmissionPolicy" in told) == is_on:
            return
        if time.monotonic() > end:
            state = "not in force" if is_on else "still in force"
            raise BenchError(f"the policy for Jobs is {state}: {told.strip()[:300]}")
        time.sleep(0.2)
