"""Volumes for claims, as the running profile promises, and pods with users of their own."""

import json
from typing import Any

import pytest

from devcluster import profiles
from tests.devcluster.running import LAYOUT, apply, kubectl, log_of_ended, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.dev_cluster, pytest.mark.timeout(300)]
PROFILE = profiles.of(LAYOUT)
USER = 10001


def pod(name: str, image: str, script: str, **more: Any) -> dict[str, Any]:
    mounts = [{"name": v["name"], "mountPath": f"/{v['name']}"} for v in more.get("volumes", [])]
    container = {"name": "main", "image": image, "command": ["sh", "-c", script]}
    spec = {
        "restartPolicy": "Never",
        "securityContext": {"runAsUser": USER, "runAsGroup": USER},
        "containers": [{**container, "volumeMounts": mounts}],
        **more,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def test_a_claim_gets_a_volume(namespace: str, image: str) -> None:
    classes = json.loads(kubectl("get", "storageclasses", "-o", "json"))["items"]
    assert [item["metadata"]["name"] for item in classes] == list(PROFILE.storage_classes)
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}},
    }
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    script = "echo text > /data/file && cat /data/file"
    apply(namespace, claim, pod("writer", image, script, volumes=[volume]))
    assert log_of_ended(namespace, "writer") == "text\n"
    name = kubectl("-n", namespace, "get", "pvc", "data", "-o", "jsonpath={.spec.volumeName}")
    folder = LAYOUT.state_dir / "local-path" / f"{name}_{namespace}_data"
    assert (folder / "file").read_text() == "text\n"
    kubectl("-n", namespace, "delete", "pod/writer", "pvc/data")
    wait_for(lambda: not folder.exists(), "the folder of a deleted claim stays")


def test_a_pod_can_have_users_of_its_own(namespace: str, image: str) -> None:
    apply(namespace, pod("mapped", image, "cat /proc/self/uid_map", hostUsers=False))
    inside, outside, _ = log_of_ended(namespace, "mapped").split()
    assert inside == "0"
    assert int(outside) > 0
