"""``doctor`` finds each of many planted faults with its remedy, and nothing without them."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstation import Cluster, DummyStation, wait_for
from node_poc.commands.doctor.command import doctor
from node_poc.config.load import IMAGE_VARIABLE, load_config
from tests.cluster.station import no_self_test, own_station

pytestmark = [pytest.mark.dev_cluster, pytest.mark.alone]  # a machine is cordoned
ENFORCE = "pod-security.kubernetes.io/enforce"


@pytest.fixture(scope="module")
def station(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, api_access: None
) -> Iterator[DummyStation]:
    folder = tmp_path_factory.mktemp("doctor")
    with own_station(cluster, "doctor", 5066, folder, no_self_test) as made:
        yield made


def examine(station: DummyStation, folder: Path, **changed: Any) -> list[dict[str, str]]:
    """Return doctor's lines about a station, with changes of the section `kubernetes`."""
    (item,) = (each for each in station.objects() if each["kind"] == "ConfigMap")
    data = yaml.safe_load(item["data"]["node_config.yaml"])
    data |= {"algorithm_device_requests": {"gpu": "resources" in changed}}
    # Nothing that `check` would warn of.
    data["policies"]["allowed_algorithms"] = [r"^localhost:\d+/.+"]
    calm = {"limits": {"run_seconds": 600}, "walls": {"self_test_hours": 24}}
    data["kubernetes"] |= calm | changed
    path = folder / "node_config.yaml"
    path.write_text(yaml.safe_dump(data))
    config = load_config(path, {IMAGE_VARIABLE: station.cluster.node_image()})
    out = io.StringIO()
    doctor(
        config,
        path,
        context=os.environ.get("CONTEXT") or None,
        health_port=None,
        as_json=True,
        out=out,
    )
    lines: list[dict[str, str]] = json.loads(out.getvalue())
    return lines


def problems(lines: list[dict[str, str]]) -> list[str]:
    return [f"{each['level']} {each['found']}" for each in lines if each["level"] != "ok"]


@pytest.fixture
def plant(station: DummyStation) -> Iterator[Any]:
    """Apply objects, and afterwards remove them and apply the station's own objects again."""
    planted: list[dict[str, Any]] = []

    def apply(kind: str, name: str, api: str = "v1", **more: Any) -> None:
        metadata = {"name": name, "namespace": station.location.namespace}
        item = {"apiVersion": api, "kind": kind, "metadata": metadata, **more}
        station.cluster.apply(item)
        planted.append(item)

    yield apply
    station.cluster.delete(*planted)
    station.kubectl("label", "namespace", station.location.namespace, "istio-injection-")
    for machine in station.cluster.get("nodes"):
        station.cluster.kubectl("uncordon", machine["metadata"]["name"])
    station.deploy()


def test_a_healthy_station_has_nothing_wrong(station: DummyStation, tmp_path: Path):
    lines = examine(station, tmp_path)
    wrong = [text for text in problems(lines) if not expected_of_a_dummy_server(text)]
    assert wrong == []
    assert len(lines) > 10


def expected_of_a_dummy_server(text: str) -> bool:
    """Return whether a warning is about the dummy server's setup, or about doctor outside a pod."""
    known = (
        "keeps the node to its own Jobs is not known here",
        "the dummy server is not asked",
        # Not yet: the node writes the trail's head onto its Lease when it renews the Lease.
        "the Lease names no entry",
        # On a dev cluster of two cluster nodes, which see the same folders.
        "task_dir and databases are folders (hostPath)",
    )
    return text.startswith("warning") and any(each in text for each in known)


def quota_is_used(station: DummyStation) -> bool:
    quotas = {each["metadata"]["name"]: each for each in station.get("resourcequotas")}
    used = quotas["full"].get("status", {}).get("used", {})
    return int(used.get("pods", 0)) > 0


def limit(**rule: Any) -> dict[str, Any]:
    return {"spec": {"limits": [{"type": "Container"} | rule]}}


FAULTS = {
    "a quota below a run": "the quota small allows 0.1 of limits.cpu",
    "a quota without room": "the quota full has 0 of pods left",
    "a LimitRange's maximum": "the LimitRange most allows at most 1048576 of memory",
    "a LimitRange's minimum": "the LimitRange least demands at least",
    "a LimitRange's ratio": "the LimitRange ratio allows a limit of at most 1 times",
    "Pod Security": "the namespace enforces Pod Security restricted, which refuses",
    "a mesh": "a service mesh joins the pods of the namespace (istio-injection=enabled)",
    "the proxy's Service": "the proxy's Service v6proxy is missing",
    "a right": "the node's ServiceAccount may not create events",
    "a right too much": "the node's ServiceAccount may also get secrets",
    "a policy": "v6-algorithms",
    "an open way": "opens-all",
    "the node switched off": "the node is switched off",
    "the proxy missing": "the Deployment of the proxy is not in the namespace",
    "no machine": "none of",
}


def test_each_planted_fault_is_found_with_a_remedy(
    station: DummyStation, plant: Any, tmp_path: Path
):
    space = station.location.namespace
    nowhere = {"containers": [{"name": "a", "image": "none"}], "nodeSelector": {"no": "machine"}}
    plant("Pod", "fills-the-quota", spec=nowhere)
    plant("ResourceQuota", "small", spec={"hard": {"limits.cpu": "100m"}})
    plant("ResourceQuota", "full", spec={"hard": {"pods": "1"}})
    plant("LimitRange", "most", **limit(max={"memory": "1Mi"}))
    plant("LimitRange", "least", **limit(min={"memory": "64Gi"}))
    plant("LimitRange", "ratio", **limit(maxLimitRequestRatio={"cpu": "1"}))
    everything = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}
    plant("NetworkPolicy", "opens-all", "networking.k8s.io/v1", spec=everything)
    rbac = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": "v6-node", "namespace": space}
    role = {"kind": "Role", "name": "reads-secrets", "apiGroup": rbac}
    secrets = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    plant("Role", role["name"], f"{rbac}/v1", rules=[secrets])
    plant("RoleBinding", "too-much", f"{rbac}/v1", subjects=[subject], roleRef=role)
    station.kubectl("label", "namespace", space, f"{ENFORCE}=restricted", "--overwrite")
    station.kubectl("label", "namespace", space, "istio-injection=enabled")
    station.kubectl(
        "delete", "service/v6proxy", "deployment/v6proxy", "networkpolicy/v6-algorithms"
    )
    rules = [
        each
        for each in yaml.safe_load(station.kubectl("get", "role/v6-node", "-o", "yaml"))["rules"]
        if each["resources"] != ["events"]
    ]
    station.cluster.apply(
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "Role",
            "metadata": {"name": "v6-node", "namespace": space},
            "rules": rules,
        }
    )
    station.kubectl("scale", "deployment/v6-node", "--replicas=0")
    for machine in station.cluster.get("nodes"):
        station.cluster.kubectl("cordon", machine["metadata"]["name"])
    wait_for(lambda: quota_is_used(station), "Kubernetes has counted the pods")
    found = examine(station, tmp_path)
    texts = problems(found)
    for fault, told in FAULTS.items():
        assert [text for text in texts if told in text], (fault, texts)
    assert all(each["remedy"] for each in found if any(t in each["found"] for t in FAULTS.values()))


def test_claims_and_gpus_that_the_cluster_lacks_are_found(station: DummyStation, tmp_path: Path):
    claims = {
        "mode": "pvc",
        "claim": "no-tasks",
        "databases_claim": "no-data",
        "databases_root": str(station.data),
    }
    texts = problems(
        examine(station, tmp_path, storage=claims, resources={"gpu_resource": "example.org/none"})
    )
    for told in (
        "kubernetes.storage.claim: the claim no-tasks is missing",
        "kubernetes.storage.databases_claim: the claim no-data is missing",
        "no machine has what a run asks for: example.org/none 1 (at most 0)",
    ):
        assert [text for text in texts if told in text], (told, texts)
