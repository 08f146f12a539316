"""The ValidatingAdmissionPolicy against a taken-over node: its own token tries forbidden Jobs."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import yaml
from kubernetes import client, config

from devstation import ROOT, Cluster
from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.job_policy_check import forbidden_job
from node_poc.cluster.objects import ClusterObjects
from node_poc.config.load import parse_config
from node_poc.config.model import NodeConfig
from node_poc.isolation.job_policy import build_job_policy
from node_poc.isolation.self_test.jobs import build_tester, mounts_of_a_run
from node_poc.isolation.self_test.targets import Surroundings, forbidden_targets, plan_of
from node_poc.manifests.identity import mark_content
from node_poc.manifests.job import build_job
from node_poc.runs.model import Mount, MountSource, RunSpec
from node_poc.runs.pod_protections import TESTED, with_protections
from tests.cluster.forbidden_jobs import FORBIDDEN, FORBIDDEN_TESTERS, Job, in_pod, labels, pod
from tests.fakes import examples

NAMESPACE, ACCOUNT, GROUP = "v6-cell-test", "v6-node", 10001
VANTAGE6 = (ROOT / "tests/fakes/vantage6_node.yaml").read_text()


def vantage6_config() -> NodeConfig:
    data = yaml.safe_load(VANTAGE6)
    data["kubernetes"] = data.get("kubernetes") or {}
    rule = {"images": "localhost:5001/average", "ephemeral_storage": "3072Mi", "gpus": 2}
    resources = {"memory": "2048Mi", "cpu": "0.5", "gpu_resource": "amd.com/gpu"}
    resources |= {"by_image": [{"images": "another", "memory": "4Gi"}, rule]}
    data["kubernetes"] |= {"namespace": NAMESPACE, "resources": resources}
    data["algorithm_device_requests"] = {"gpu": True}
    return parse_config(yaml.safe_dump(data), {})


# Kubernetes itself refuses most of the forbidden Jobs with users of their own.
PROTECTED = {
    "strict_groups": "on",
    "recursive_read_only": "on",
    "runtime_classes": [{"images": ".*", "runtime_class": "runc-plain"}],
}
TERM = {"matchExpressions": [{"key": "example.org/data", "operator": "Exists"}]}
WHERE = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [TERM]}}
PLACED = {
    "node_selector": {"example.org/data": "true"},
    "affinity": {"nodeAffinity": WHERE},
    "tolerations": [{"key": "example.org/research", "operator": "Exists"}],
    "labels": {"example.org/team": "genetics"},
    "annotations": {"example.org/note": "a note"},
}
CONFIGS: dict[str, Callable[[], NodeConfig]] = {
    "vantage6": vantage6_config,
    "host paths, no gate": lambda: examples.config(
        namespace=NAMESPACE, walls={"gate": "off"}, placement={"algorithms": PLACED}
    ),
    "claims, own user": lambda: examples.config(
        namespace=NAMESPACE,
        storage={
            "mode": "pvc",
            "claim": "tasks-claim",
            "databases_claim": "data-claim",
            "databases_root": "/data",
        },
        walls={"gate": "on"},
        limits={"run_seconds": 3600},
        image_pull_secrets=["registry-key"],
        security={"run_as_user": None, "read_only_root_filesystem": False},
        pods=PROTECTED,
    ),
}


def own_job(made: NodeConfig, run_id: int = 7) -> Job:
    """Return a Job of the node with a mount of each kind."""
    databases = [d for d in made.databases if not d.is_service]
    mounts = (
        Mount(MountSource.RUN, "output", "/app/output", read_only=False, is_folder=True),
        Mount(MountSource.RUN, "input", "/app/input"),
        Mount(MountSource.SHARED, "shared", "/app/tmp", read_only=False, is_folder=True),
        *(Mount(MountSource.DATABASE, d.label, f"/db/{d.label}") for d in databases),
    )
    ways = tuple(d.label for d in made.databases if made.has_way(d))
    spec = RunSpec(
        run_id=run_id,
        image="localhost:5001/average:1",
        arguments=("a", "$(b)"),
        environment=(("NAME", "värde"),),
        secrets=(("PASSWORD", "key"),),
        mounts=mounts,
        services=ways,
    )
    is_gated = made.kubernetes.walls.gate != "off"
    addresses = {"db.example": "192.0.2.9"}
    job = build_job(spec, made, "10.96.0.77", GROUP, addresses, is_gated=is_gated)
    mark_content(job, spec.digest())
    return job


@pytest.fixture(scope="module")
def jobs(cluster: Cluster) -> Iterator[ClusterObjects]:
    """Return the API as the node sees it: with the token of the node's ServiceAccount."""
    rights = list(yaml.safe_load_all((ROOT / "node_poc/kubeconfs/10_rbac.yaml").read_text()))
    for each in rights:
        each["metadata"]["namespace"] = NAMESPACE
        for subject in each.get("subjects", []):
            subject["namespace"] = NAMESPACE
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    cluster.apply(namespace, *rights)
    token = cluster.kubectl("-n", NAMESPACE, "create", "token", ACCOUNT).strip()
    settings = client.Configuration()
    config.load_kube_config(cluster.settings.get("KUBECONFIG"), client_configuration=settings)
    settings.cert_file = settings.key_file = None
    settings.api_key = {"authorization": f"Bearer {token}"}
    settings.retries = False
    yield ClusterObjects(KubernetesApi(client.ApiClient(settings)), NAMESPACE)
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def denied(jobs: ClusterObjects, job: Job) -> str | None:
    """Return the API server's reason for refusing a Job; None if it takes the Job."""
    try:
        jobs.would_create_job(job)
    except ClusterError as error:
        if error.status in {403, 422}:
            return error.message
        raise
    return None


def wait_until(seen: Callable[[], bool], what: str) -> None:
    """Wait for the API server, which takes up a policy a moment after it was applied."""
    until = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < until, what
        time.sleep(0.2)


def applies(change: Callable[[Job], None], job: Job) -> bool:
    before = copy.deepcopy(job)
    try:
        change(job)
    except StopIteration:  # there is no database folder of the machine
        return False
    return job != before


def tries(jobs: ClusterObjects, own: Job) -> dict[str, bool]:
    """Return for each forbidden change whether the API server takes the changed Job."""
    changed = {name: copy.deepcopy(own) for name in FORBIDDEN}
    return {
        name: denied(jobs, job) is None
        for name, job in changed.items()
        if applies(FORBIDDEN[name], job)
    }


@dataclass(frozen=True)
class Walled:
    """A Job of a node whose policy is in force, and the tries without the policy."""

    settings: NodeConfig
    job: Job
    without: dict[str, bool]


@pytest.fixture(scope="module", params=CONFIGS)
def own(request: pytest.FixtureRequest, cluster: Cluster, jobs: ClusterObjects) -> Iterator[Walled]:
    """Return a Job of a node whose policy is in force."""
    made = CONFIGS[request.param]()
    policy = build_job_policy(made, ACCOUNT, GROUP)
    job = own_job(made)
    without = tries(jobs, job)
    cluster.apply(*policy)
    wait_until(lambda: denied(jobs, forbidden_job(job)) is not None, "the policy is in force")
    yield Walled(made, job, without)
    cluster.delete(*policy)
    wait_until(lambda: denied(jobs, forbidden_job(job)) is None, "the policy is gone")


def test_the_policy_admits_the_nodes_own_job(jobs: ClusterObjects, own: Walled):
    assert denied(jobs, own.job) is None


def test_the_policy_admits_the_protections_that_the_cluster_has(jobs: ClusterObjects, own: Walled):
    job = own_job(with_protections(own.settings, TESTED))
    assert pod(job)["hostUsers"] is False
    assert pod(job)["securityContext"]["supplementalGroupsPolicy"] == "Strict"
    assert denied(jobs, job) is None


def test_only_a_gate_that_depends_on_the_cluster_may_be_missing(jobs: ClusterObjects, own: Walled):
    job = copy.deepcopy(own.job)
    if not pod(job).pop("initContainers", None):
        return
    assert (denied(jobs, job) is None) is (own.settings.kubernetes.walls.gate == "auto")


@pytest.mark.parametrize("is_control", [False, True])
def test_the_policy_admits_the_jobs_of_the_self_test_in_one_form(
    jobs: ClusterObjects, own: Walled, is_control: bool
):
    plan = plan_of(forbidden_targets(own.settings, Surroundings()))
    job = build_tester(own.settings, GROUP, "1764324000", plan, is_control=is_control)
    assert denied(jobs, job) is None
    taken = []
    for name, change in FORBIDDEN_TESTERS.items():
        changed = copy.deepcopy(job)
        change(changed)
        taken += [name] if denied(jobs, changed) is None else []
    assert taken == []
    mounts = mounts_of_a_run(own.settings, with_task_dir=True)
    like_a_run = build_tester(
        own.settings, GROUP, "1764324000", plan, is_control=is_control, mounts=mounts
    )
    assert (denied(jobs, like_a_run) is None) is not is_control


def test_no_run_is_beside_the_walls(jobs: ClusterObjects, own: Walled):
    job = copy.deepcopy(own.job)
    for made in (job, job["spec"]["template"]):
        made["metadata"]["labels"]["app.kubernetes.io/component"] = "walls-control"
    assert "app.kubernetes.io/component must be algorithm" in (denied(jobs, job) or "")


def test_the_policy_denies_every_other_job_of_the_node(jobs: ClusterObjects, own: Walled):
    found = tries(jobs, own.job)
    assert len(found) >= 60
    assert [name for name, taken in found.items() if taken] == []


def test_without_the_policy_the_same_jobs_are_taken(own: Walled):
    """The control: the policy, and nothing else on this cluster, denies them."""
    assert [name for name, taken in own.without.items() if not taken] == []


def test_the_reason_names_the_field(jobs: ClusterObjects, own: Walled):
    job = copy.deepcopy(own.job)
    in_pod(hostNetwork=True)(job)
    assert "spec.template.spec: no Job of the node has hostNetwork" in (denied(jobs, job) or "")


def test_a_job_may_be_marked_and_not_be_changed(
    cluster: Cluster, jobs: ClusterObjects, own: Walled
):
    name = own.job["metadata"]["name"]
    waiting = copy.deepcopy(own.job)
    waiting["spec"]["suspend"] = True  # no pod starts
    cluster.apply(waiting)
    try:
        jobs.patch_job(name, {"metadata": {"annotations": {"vantage6.ai/result-delivered": "x"}}})
        for change in (
            {"spec": {"suspend": False}},
            {"metadata": {"labels": {"vantage6.ai/node": "another"}}},
        ):
            with pytest.raises(ClusterError, match="stay as they are"):
                jobs.patch_job(name, change)
    finally:
        jobs.delete_job(name)


def test_the_jobs_of_another_node_are_not_touched(
    cluster: Cluster, jobs: ClusterObjects, own: Walled
):
    another = copy.deepcopy(own.job)
    another["spec"]["suspend"] = True
    labels(another, node="another")
    cluster.apply(another)
    name = another["metadata"]["name"]
    with pytest.raises(ClusterError, match="its own Jobs only"):
        jobs.delete_job(name)
    with pytest.raises(ClusterError, match="its own Jobs only"):
        jobs.patch_job(name, {"metadata": {"annotations": {"a": "b"}}})
    cluster.delete(another)


def test_kubernetes_finds_nothing_to_warn_of(cluster: Cluster, own: Walled):
    (policy,) = [
        each
        for each in json.loads(cluster.kubectl("get", "validatingadmissionpolicies", "-o", "json"))[
            "items"
        ]
        if each["metadata"]["name"].startswith(NAMESPACE)
    ]
    assert "expressionWarnings" not in json.dumps(policy.get("status", {}))
