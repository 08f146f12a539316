"""A node whose folders are volume claims does the same as a node with folders of the machine."""

from __future__ import annotations

import json
import re

import pytest

from devstation import ENCRYPTED, wait_for
from node_poc.manifests.identity import LABEL_COMPONENT, LABEL_NODE, Identity
from tests.cluster.vantage6.claims import SITE_FILES
from tests.cluster.vantage6.conftest import (
    CLAIMS_STATION,
    DATABASES_CLAIM,
    NAMESPACE,
    TASKS_CLAIM,
)

AT = (CLAIMS_STATION.organization,)
NODE = f"{LABEL_COMPONENT}=node,{LABEL_NODE}={Identity(CLAIMS_STATION.name).node_label}"


def only_claims(pod, *names):
    """Return whether the pod has these claims and no folder of the machine."""
    volumes = pod["spec"]["volumes"]
    claimed = {v["persistentVolumeClaim"]["claimName"] for v in volumes if _is_claim(v)}
    return claimed == set(names) and not any("hostPath" in volume for volume in volumes)


def _is_claim(volume):
    return "persistentVolumeClaim" in volume


@pytest.fixture
def node_pod(cluster):
    """Return the node's pod as it is now."""

    def found():
        (pod,) = cluster.get("pods", "-l", NODE, namespace=NAMESPACE)
        return pod

    return found


def test_neither_node_nor_algorithm_has_a_folder_of_the_machine(
    asking_encrypted, cluster, node_pod
):
    assert only_claims(node_pod(), TASKS_CLAIM, DATABASES_CLAIM)
    task = asking_encrypted.post("sleep", "default", at=AT, seconds=0)
    assert asking_encrypted.client.wait(task, timeout=120)["status"] == "completed"
    (run,) = asking_encrypted.client.runs(task)
    select = ("-l", f"vantage6.ai/run-id={run['id']}")
    (pod,) = cluster.get("pods", *select, namespace=NAMESPACE)
    assert only_claims(pod, TASKS_CLAIM, DATABASES_CLAIM)


def test_the_node_has_files_of_a_secret_and_a_config_map(federation, cluster, node_pod):
    name = node_pod()["metadata"]["name"]
    for path, text in SITE_FILES.items():
        assert cluster.kubectl("-n", NAMESPACE, "exec", name, "--", "cat", path) == text


def test_a_database_is_read_and_cannot_be_written(asking_encrypted):
    assert asking_encrypted.ask("shape_of", "default", at=AT)["rows"] == 600
    found = asking_encrypted.ask("list_database", "default", at=AT, label="default")
    assert not found["writable"]


def test_an_algorithm_sees_the_same_as_with_folders_of_the_machine(asking_encrypted):
    here, there = (
        asking_encrypted.ask("describe", "default", at=(station.organization,))
        for station in ENCRYPTED[::-1]
    )
    for what in ("mounts", "files", "user"):
        assert without_numbers(here[what]) == without_numbers(there[what])


def without_numbers(told):
    """Replace run numbers in paths, as two runs never have the same."""
    return re.sub(r"task-\d+", "task-N", json.dumps(told))


def test_a_subtask_sees_what_its_parent_left(asking_encrypted):
    assert asking_encrypted.ask("twice_in_one_job", at=AT) == ["central", "partial"]


def test_a_run_goes_on_without_the_node_and_its_log_is_whole(asking_encrypted, cluster, node_pod):
    task = asking_encrypted.post("sleep", at=AT, seconds=12, lines=12)
    client = asking_encrypted.client
    wait_for(lambda: client.runs(task)[0]["status"] == "active", "the run is active")
    before = node_pod()["metadata"]["name"]
    cluster.kubectl("-n", NAMESPACE, "delete", "pod", before, "--grace-period=0", "--force")
    assert client.wait(task, timeout=120)["status"] == "completed"
    assert [json.loads(each) for each in client.results(task)] == ["slept"]
    (log,) = client.logs(task).values()
    assert [log.count(f"line {number}\n") for number in range(12)] == [1] * 12
    assert node_pod()["metadata"]["name"] != before
