"""The YAML files for people to apply: valid, consistent, and with no more rights than needed."""

import re
from pathlib import Path

import pytest
import yaml
from kubernetes import client

from node_poc.cluster.lease_calls import LeaseCalls
from node_poc.cluster.logs import ContainerLogs
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.watch import Watcher
from node_poc.config.kubernetes import Kubernetes
from node_poc.config.load import load_config
from node_poc.isolation.policies import build_policies
from node_poc.manifests import identity
from node_poc.manifests.config_map import build_config_map
from node_poc.manifests.identity import slug
from tests.fakes.roles import granted

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "node_poc/kubeconfs"
FILES = [*sorted(FOLDER.glob("*.yaml")), ROOT / "dummy_proxy/proxy_pod_deployment.yaml"]
CONFIG = load_config(ROOT / "node_poc/node_config.yaml", {})
MODELS = {
    "ConfigMap": client.V1ConfigMap,
    "Deployment": client.V1Deployment,
    "Namespace": client.V1Namespace,
    "NetworkPolicy": client.V1NetworkPolicy,
    "Role": client.V1Role,
    "RoleBinding": client.V1RoleBinding,
    "Service": client.V1Service,
    "ServiceAccount": client.V1ServiceAccount,
    "ValidatingAdmissionPolicy": client.V1ValidatingAdmissionPolicy,
    "ValidatingAdmissionPolicyBinding": client.V1ValidatingAdmissionPolicyBinding,
}


def objects(path):
    return [made for made in yaml.safe_load_all(path.read_text()) if made]


def only(kind, name=None):
    found = [
        made
        for path in FILES
        for made in objects(path)
        if made["kind"] == kind and name in {None, made["metadata"]["name"]}
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_holds_objects_that_kubernetes_knows(path):
    made = objects(path)
    assert made
    for each in made:
        MODELS[each["kind"]].model_validate(each)


def test_everything_is_in_the_one_namespace():
    for path in FILES:
        for made in objects(path):
            if made["kind"] != "Namespace" and "AdmissionPolicy" not in made["kind"]:
                assert made["metadata"]["namespace"] == CONFIG.kubernetes.namespace
    assert only("Namespace")["metadata"]["name"] == CONFIG.kubernetes.namespace


def test_the_namespace_is_applied_first():
    assert objects(FILES[0])[0]["kind"] == "Namespace"


def test_the_config_map_is_the_example_configuration():
    text = (ROOT / "node_poc/node_config.yaml").read_text()
    written = (FOLDER / "node_config_map.yaml").read_text()
    assert written == build_config_map(CONFIG.kubernetes.namespace, text)
    assert yaml.safe_load(written)["data"]["node_config.yaml"].strip() == text.strip()


def test_the_policies_are_those_of_the_code():
    assert objects(FOLDER / "network_policies.yaml") == build_policies(CONFIG)


# Every right, with the call in node_poc/cluster that needs the right.
RIGHTS = {
    ("batch", "jobs", "create"): "ClusterObjects.create_job, ClusterObjects.would_create_job",
    ("batch", "jobs", "patch"): "ClusterObjects.patch_job: the result was delivered, the TTL",
    ("batch", "jobs", "delete"): "ClusterObjects.delete_job: a run that could still start",
    ("batch", "jobs", "list"): "Watcher._list, ClusterObjects.list_jobs",
    ("batch", "jobs", "watch"): "Watcher._watch",
    ("", "pods", "list"): "Watcher._list, ClusterObjects.list_pods",
    ("", "pods", "watch"): "Watcher._watch",
    ("", "pods", "get"): "LeaseCalls.pod_phase, ClusterObjects.pod_uid",
    ("", "pods/log", "get"): "ContainerLogs.read, ContainerLogs.follow",
    ("", "events", "list"): (
        "ClusterObjects.list_events, ClusterObjects.list_all_events: why runs do not start"
    ),
    ("", "events", "create"): "ClusterObjects.create_event: the verdict on the walls",
    ("networking.k8s.io", "networkpolicies", "list"): "Watcher._list: the walls of WallsWatch",
    ("networking.k8s.io", "networkpolicies", "watch"): "Watcher._watch",
    ("", "services", "get"): "ClusterObjects.service_address",
    ("coordination.k8s.io", "leases", "get"): "LeaseCalls.read",
    ("coordination.k8s.io", "leases", "create"): "LeaseCalls.take",
    ("coordination.k8s.io", "leases", "update"): "LeaseCalls.renew, LeaseCalls.release",
}


def test_the_node_may_do_what_it_does_and_nothing_else():
    assert granted(only("Role", "v6-node")) == set(RIGHTS)


USERS = {user.__name__: user for user in (ClusterObjects, ContainerLogs, LeaseCalls, Watcher)}
NEEDED_BY = {call for text in RIGHTS.values() for call in re.findall(r"[A-Z]\w+\.\w+", text)}


@pytest.mark.parametrize("call", sorted(NEEDED_BY))
def test_a_right_is_still_needed(call):
    user, _, name = call.partition(".")
    assert hasattr(USERS[user], name)


def test_no_call_of_the_cluster_folder_is_without_its_right():
    """Every method added to ClusterObjects or LeaseCalls must be named in RIGHTS."""
    methods = {
        f"{user.__name__}.{name}"
        for user in (ClusterObjects, LeaseCalls)
        for name, value in vars(user).items()
        if callable(value) and not name.startswith("_")
    }
    assert methods <= NEEDED_BY


@pytest.mark.parametrize(
    ("resource", "verbs", "name"),
    [
        ("services", ["get"], CONFIG.kubernetes.proxy.service),
        ("leases", ["get", "update"], slug(CONFIG.kubernetes.node_name)),
    ],
)
def test_only_this_one_object_may_be_touched(resource, verbs, name):
    rules = only("Role", "v6-node")["rules"]
    named = [rule for rule in rules if rule["resources"] == [resource] and rule["verbs"] == verbs]
    assert [rule["resourceNames"] for rule in named] == [[name]]


def pod_of(name):
    return only("Deployment", name)["spec"]["template"]["spec"]


def test_the_node_pod_has_task_dir_at_the_same_path():
    pod = pod_of("v6-node")
    volume = next(each for each in pod["volumes"] if each["name"] == "task-files-root")
    assert volume["hostPath"]["path"] == CONFIG.task_dir
    for container in [*pod["initContainers"], *pod["containers"]]:
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts["task-files-root"] == CONFIG.task_dir
    assert pod["initContainers"][0]["command"][-1] == CONFIG.task_dir


def test_the_node_reads_the_mounted_configuration():
    container = pod_of("v6-node")["containers"][0]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    variables = {each["name"]: each.get("value") for each in container["env"]}
    assert container["args"] == ["run"]
    assert variables["V6_NODE_CONFIG"] == f"{mounts['config']}/node_config.yaml"
    assert "POD_NAME" in variables  # the name of the Lease's holder


def test_there_is_never_more_than_one_node():
    spec = only("Deployment", "v6-node")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_node_is_who_the_role_is_for():
    subject = only("RoleBinding", "v6-node")["subjects"][0]
    assert subject["name"] == pod_of("v6-node")["serviceAccountName"]
    assert subject["namespace"] == CONFIG.kubernetes.namespace


def test_the_policies_select_the_node_and_the_proxy():
    policies = {
        each["metadata"]["name"]: each for each in objects(FOLDER / "network_policies.yaml")
    }
    for name, policy in (("v6-node", "v6-node"), ("v6proxy", "v6-proxy")):
        labels = only("Deployment", name)["spec"]["template"]["metadata"]["labels"]
        selected = policies[policy]["spec"]["podSelector"]["matchLabels"]
        assert selected.items() <= labels.items()


def test_the_proxy_answers_at_the_configured_name_and_port():
    proxy = CONFIG.kubernetes.proxy
    pod, service = pod_of("v6proxy"), only("Service", proxy.service)
    name = f"{pod['hostname']}.{pod['subdomain']}.{CONFIG.kubernetes.namespace}"
    assert name == proxy.host_name
    assert pod["containers"][0]["ports"][0]["containerPort"] == proxy.port
    assert service["spec"]["ports"][0]["port"] == proxy.port
    assert service["spec"].get("clusterIP") != "None"
    assert only("Service", pod["subdomain"])["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize("name", ["v6-node", "v6proxy"])
def test_our_own_pods_are_no_root_and_have_limits(name):
    pod = pod_of(name)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["enableServiceLinks"] is False
    for container in pod["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory"} <= set(container["resources"]["limits"])


@pytest.mark.parametrize("name", ["v6-node", "v6proxy"])
def test_our_own_pods_are_in_no_mesh(name):
    metadata = only("Deployment", name)["spec"]["template"]["metadata"]
    assert identity.LABELS_NO_MESH.items() <= metadata["labels"].items()
    assert identity.ANNOTATIONS_NO_MESH.items() <= metadata["annotations"].items()


def test_as_much_processor_is_kept_free_for_the_node_as_by_default():
    requests = [c["resources"]["requests"]["cpu"] for c in pod_of("v6-node")["containers"]]
    assert requests == [Kubernetes().node_cpu_request]


def test_the_proxy_has_no_key_to_kubernetes():
    assert pod_of("v6proxy")["automountServiceAccountToken"] is False
