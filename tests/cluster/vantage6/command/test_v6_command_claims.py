"""The guide for k3s, followed by a data manager: a node with claims of the default StorageClass.

Needs a cluster with a default StorageClass, as k3s is: ``make test-k3s``.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstation import ROOT, Cluster, wait_for
from tests.cluster.vantage6.installed import Command, node_file

pytestmark = pytest.mark.default_class
NAME = "hospital-a"
NAMESPACE = f"v6-{NAME}"
GUIDES = ROOT / "docs/guides"
CLAIMS = ("tasks", "databases")


@pytest.fixture
def node(server, command, key) -> Iterator[Path]:
    """Make the file with the options of the guide; return the file."""
    told = (GUIDES / "k3s.md").read_text()
    storage = re.search(r"(--task-dir .*ReadWriteOnce) .*\n *(--database \S+)", told)
    assert storage is not None
    options = (*storage[1].split(), *storage[2].split())
    with node_file(server, command, NAME, key, *options) as path:
        yield path


def test_the_guide_for_k3s(asking, command, node, cluster):
    began = time.monotonic()
    assert "is online at" in command.run("start", "--name", NAME)
    _put_data_into_the_claim(cluster)
    assert "is online at" in command.run("restart", "--name", NAME)
    found = asking.ask("shape_of", "default")
    lines = len((ROOT / "csv" / "employees.csv").read_text().splitlines())
    assert found["rows"] == lines - 1
    print(f"from start to the result: {time.monotonic() - began:.0f} s")

    lines = json.loads(command.run("doctor", "--name", NAME, "--json", "--no-pods"))
    failures = [each["found"] for each in lines if each["level"] == "failure"]
    assert failures == []
    told = " ".join(each["found"] for each in lines if each["level"] == "warning")
    assert "the claim tasks is for a single machine (ReadWriteOnce)" in told

    wait_for(lambda: _runs_in_flight(command) == 0, "the run's Job has ended")
    command.run("stop", "--name", NAME)
    removed = command.run("remove", "--name", NAME, "--yes")
    assert "claim databases stays with its data" in removed
    claims = cluster.get("persistentvolumeclaims", namespace=NAMESPACE)
    assert {each["metadata"]["name"] for each in claims} == set(CLAIMS)


def _put_data_into_the_claim(cluster: Cluster) -> None:
    """Follow the section of the guides with its own YAML, except for the image's name."""
    page = (GUIDES / "README.md").read_text().partition("## Put data into a claim")[2]
    text = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert text is not None
    pod: dict[str, Any] = yaml.safe_load(text[1])
    assert pod["metadata"]["namespace"] == NAMESPACE
    pod["spec"]["containers"][0]["image"] = cluster.image("v6_node_poc")
    cluster.apply(pod)
    inside = ("-n", NAMESPACE)
    cluster.kubectl(*inside, "wait", "--for=condition=Ready", "pod/copy", "--timeout=120s")
    write = ("sh", "-c", "cat > /databases/employees.csv")
    data = (ROOT / "csv" / "employees.csv").read_text()
    cluster.kubectl(*inside, "exec", "-i", "copy", "--", *write, text_in=data)
    cluster.kubectl(*inside, "delete", "pod", "copy", "--grace-period=1")


def _runs_in_flight(command: Command) -> int:
    rows = json.loads(command.run("list", "-o", "json"))
    return int(next(row["runs_in_flight"] for row in rows if row["name"] == NAME))
