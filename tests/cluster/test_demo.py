"""`make demo` and `make demo-vantage6`: the first commands that users run."""

from __future__ import annotations

import subprocess
import sys

import pytest

from demo import federated
from demo import station as demo_station
from devstation import ROOT, Cluster, Location


def demo(what: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo", what], cwd=ROOT, capture_output=True, text=True, check=False
    )


def checks_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stdout + done.stderr
    checks = done.stdout.partition("\nChecks\n")[2].partition("\n\n")[0].splitlines()
    assert all(line.split()[0] == "ok" for line in checks), checks
    return checks


def is_there(cluster: Cluster, location: Location) -> bool:
    return bool(cluster.kubectl("get", "namespace", location.namespace, "--ignore-not-found"))


@pytest.fixture
def demo_as_it_was(cluster: Cluster):
    """Keep a demo that was there before the test; remove a demo that the test made."""
    there = is_there(cluster, demo_station.LOCATION)
    yield
    if not there:
        done = demo("down")
        assert done.returncode == 0, done.stderr
        assert not demo_station.LOCATION.home.exists()


def test_demo_ends_with_the_right_average_behind_walls(demo_as_it_was: None):
    done = demo("up")
    assert len(checks_of(done)) == 7
    assert "outbound access to" in done.stdout
    assert "the proxy itself: outbound traffic: enabled" in " ".join(done.stdout.split())


@pytest.fixture
def federation_as_it_was(cluster: Cluster):
    """Do the same for the demo with a vantage6 server."""
    there = is_there(cluster, federated.LOCATION)
    yield
    if not there:
        done = demo("vantage6-down")
        assert done.returncode == 0, done.stderr
        assert not federated.LOCATION.home.exists()


def test_vantage6_demo_ends_with_two_right_averages(federation_as_it_was: None):
    done = demo("vantage6")
    assert len(checks_of(done)) == 4
    assert "asking 2 organizations" in done.stdout
