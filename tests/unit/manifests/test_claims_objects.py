"""The claims of a node, and the place of runs beside a volume of one machine."""

import pytest
from kubernetes.client import V1PersistentVolumeClaim

from node_poc.manifests.claims import (
    beside_the_node,
    beside_the_runs,
    build_claims,
    keep_claims_together,
)
from node_poc.manifests.identity import Identity
from node_poc.manifests.job import build_job
from tests.fakes.examples import config, spec

STORAGE = {"mode": "pvc", "claim": "tasks", "databases_claim": "data", "databases_root": "/data"}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def made(**storage):
    return config(storage=STORAGE | storage)


def test_a_claim_is_made_for_each_size():
    tasks, data = build_claims(made(size="50Gi", databases_size="10Gi", storage_class="fast"))
    assert (tasks["metadata"]["name"], data["metadata"]["name"]) == ("tasks", "data")
    assert tasks["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "50Gi"}},
        "storageClassName": "fast",
    }
    for each in (tasks, data):
        V1PersistentVolumeClaim.model_validate(each)


@pytest.mark.parametrize("settings", [config(), made()])
def test_claims_without_a_size_are_the_sites_own(settings):
    assert build_claims(settings) == []


def test_without_a_class_the_clusters_default_applies():
    (tasks,) = build_claims(made(size="1Gi"))
    assert "storageClassName" not in tasks["spec"]


def test_runs_go_to_the_nodes_machine_if_only_one_machine_has_the_volume():
    assert beside_the_node(made()) is None
    assert beside_the_node(config()) is None
    settings = made(access_mode="ReadWriteOnce")
    term = beside_the_node(settings)
    labels = term["labelSelector"]["matchLabels"]
    assert labels["vantage6.ai/node"] == Identity(settings.kubernetes.node_name).node_label
    job = build_job(spec(mounts=()), settings, None, 10001)
    pods = job["spec"]["template"]["spec"]["affinity"]["podAffinity"]
    assert pods == {REQUIRED: [term]}


def test_the_sites_own_affinity_stays():
    own = {"labelSelector": {}, "topologyKey": "zone"}
    site = {"nodeAffinity": {"x": 1}, "podAffinity": {REQUIRED: [own]}}
    settings = config(
        storage=STORAGE | {"access_mode": "ReadWriteOnce"},
        placement={"algorithms": {"affinity": site}},
    )
    affinity = build_job(spec(mounts=()), settings, None, 10001)["spec"]["template"]["spec"][
        "affinity"
    ]
    assert affinity["nodeAffinity"] == {"x": 1}
    assert affinity["podAffinity"][REQUIRED] == [own, beside_the_node(settings)]


def test_the_node_prefers_the_machine_of_its_runs_if_only_one_machine_has_the_volume():
    assert beside_the_runs(made()) is None
    assert beside_the_runs(config()) is None
    term = beside_the_runs(made(access_mode="ReadWriteOnce"))["podAffinityTerm"]
    labels = term["labelSelector"]["matchLabels"]
    assert labels["app.kubernetes.io/component"] == "algorithm"


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (config(), []),
        (made(), []),
        (made(access_mode="ReadWriteOnce"), ["data"]),
    ],
    ids=["folders", "many machines", "one machine"],
)
def test_the_databases_claim_is_where_the_node_is_if_one_machine_must_have_both(settings, names):
    pod = {"volumes": []}
    keep_claims_together(pod, settings)
    found = [each["persistentVolumeClaim"]["claimName"] for each in pod["volumes"]]
    assert found == names
    keep_claims_together(pod, settings)
    assert len(pod["volumes"]) == len(names), "a claim that the pod has is not added again"
