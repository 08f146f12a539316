"""`make demo` itself: the users' first command, with the YAML files as they are."""

from __future__ import annotations

import subprocess
import sys

import pytest

from demo import station as demo_station
from tests.cluster.station import ROOT, Cluster


def demo(what: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo", what], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture
def demo_as_it_was(cluster: Cluster):
    """A demo that somebody works with stays; one that this test made goes."""
    there = cluster.kubectl("get", "namespace", demo_station.NAMESPACE, "--ignore-not-found")
    yield
    if not there:
        done = demo("down")
        assert done.returncode == 0, done.stderr
        assert not demo_station.HOME.exists()


def test_demo_ends_with_the_right_average_behind_walls(demo_as_it_was: None):
    done = demo("up")
    assert done.returncode == 0, done.stdout + done.stderr
    checks = done.stdout.partition("\nChecks\n")[2].partition("\n\n")[0].splitlines()
    assert len(checks) == 7
    assert all(line.split()[0] == "ok" for line in checks), checks
    assert "outbound access to" in done.stdout
    assert "the proxy itself: outbound traffic: enabled" in " ".join(done.stdout.split())
