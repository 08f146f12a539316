"""Each right of the node's Role is needed: without the verb, the call of the node fails.

The node's own calls are made with the token of its ServiceAccount, with and without each verb.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from devstation import Cluster
from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.lease_calls import LeaseCalls
from node_poc.cluster.listing import list_all
from node_poc.cluster.logs import ContainerLogs
from node_poc.cluster.objects import ClusterObjects
from node_poc.config.load import parse_config
from node_poc.manifests.identity import CONTAINER
from node_poc.manifests.job import build_job
from node_poc.manifests.lease import Holder
from node_poc.runs.model import RunSpec
from tests.fakes.roles import Right, granted
from tests.test_architecture import ROOT

NAMESPACE = "v6-test-rights"
CONFIG = f"""
server_url: http://nowhere
task_dir: /nowhere
kubernetes: {{namespace: {NAMESPACE}, node_name: v6-node}}
"""
FORBIDDEN = 403
#: Group, resource with its subresource, verb.
RBAC = list(yaml.safe_load_all((ROOT / "node_poc/kubeconfs/10_rbac.yaml").read_text()))
(ROLE,) = (each for each in RBAC if each["kind"] == "Role")


class Calls:
    """The node's call for each right. Each call raises ClusterError if the API server refuses.

    An object that is not there is no error: the API server looks at rights first.
    """

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api
        self._objects = ClusterObjects(api, NAMESPACE)
        self._logs = ContainerLogs(api, self._objects.pods_path, CONTAINER)
        holder = Holder("a-test", "1", in_pod=False)
        self._lease = LeaseCalls(api, NAMESPACE, "v6-node", holder, 15)
        self._job = build_job(
            RunSpec(run_id=7, image="none"), parse_config(CONFIG, {}), None, 10001
        )

    def by_right(self) -> dict[Right, Callable[[], Any]]:
        objects, lease = self._objects, self._lease
        walls = f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies"
        leases = "coordination.k8s.io", "leases"
        return {
            ("batch", "jobs", "create"): lambda: objects.would_create_job(self._job),
            ("batch", "jobs", "patch"): lambda: objects.patch_job("gone", {"metadata": {}}),
            ("batch", "jobs", "delete"): lambda: objects.delete_job("gone"),
            ("batch", "jobs", "list"): lambda: list_all(self._api, objects.jobs_path, ""),
            ("batch", "jobs", "watch"): lambda: self._watch(objects.jobs_path),
            ("", "pods", "list"): lambda: list_all(self._api, objects.pods_path, ""),
            ("", "pods", "watch"): lambda: self._watch(objects.pods_path),
            ("", "pods", "get"): lambda: lease.pod_phase("gone"),
            ("", "pods/log", "get"): lambda: list(self._logs.read("gone", "")),
            ("", "events", "list"): objects.list_all_events,
            ("", "events", "create"): lambda: objects.create_event({}),
            ("networking.k8s.io", "networkpolicies", "list"): (
                lambda: list_all(self._api, walls, "")
            ),
            ("networking.k8s.io", "networkpolicies", "watch"): lambda: self._watch(walls),
            ("", "services", "get"): lambda: objects.service_address("v6proxy"),
            (*leases, "get"): lease.read,
            (*leases, "create"): lambda: lease.take(None),
            (*leases, "update"): lambda: lease.take({"metadata": {"name": lease.name}}),
        }

    def _watch(self, path: str) -> None:
        """Watch for a second, without an event."""
        query = [("watch", "true"), ("timeoutSeconds", "1"), ("labelSelector", "no=such")]
        list(self._api.stream(path, query, 10.0))


@pytest.fixture(scope="module")
def calls(cluster: Cluster) -> Iterator[dict[Right, Callable[[], Any]]]:
    """Return the calls with the token of a ServiceAccount that has the node's Role."""
    rights = copy.deepcopy(RBAC)
    for each in rights:
        each["metadata"]["namespace"] = NAMESPACE
        for subject in each.get("subjects", []):
            subject["namespace"] = NAMESPACE
    cluster.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, *rights
    )
    token = cluster.kubectl("-n", NAMESPACE, "create", "token", "v6-node").strip()
    settings = client.Configuration()
    config.load_kube_config(cluster.settings.get("KUBECONFIG"), client_configuration=settings)
    settings.cert_file = settings.key_file = None
    settings.api_key = {"authorization": f"Bearer {token}"}
    settings.retries = False
    yield Calls(KubernetesApi(client.ApiClient(settings))).by_right()
    cluster.delete_namespace(NAMESPACE, wait=False)


def role_without(right: Right | None) -> dict[str, Any]:
    """Return the Role in the tests' namespace without one right."""
    role = copy.deepcopy(ROLE)
    role["metadata"]["namespace"] = NAMESPACE
    for rule in role["rules"]:
        for group, resource, verb in [right] if right else []:
            if rule["apiGroups"] == [group] and rule["resources"] == [resource]:
                rule["verbs"] = [each for each in rule["verbs"] if each != verb]
    role["rules"] = [rule for rule in role["rules"] if rule["verbs"]]
    assert granted(role) == granted(ROLE) - {right}
    return role


def is_forbidden(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClusterError as error:
        return error.status == FORBIDDEN
    return False


def wait_until(wanted: bool, call: Callable[[], Any]) -> None:
    """Wait for the API server, which takes up a Role a moment after it was applied."""
    until = time.monotonic() + 30
    while is_forbidden(call) is not wanted:
        assert time.monotonic() < until, f"forbidden is still {not wanted}"
        time.sleep(0.05)


@pytest.mark.parametrize("right", sorted(granted(ROLE)), ids=lambda right: " ".join(right).strip())
def test_without_the_verb_the_nodes_call_is_refused(
    cluster: Cluster, calls: dict[Right, Callable[[], Any]], right: Right
):
    call = calls[right]
    cluster.apply(role_without(None))
    wait_until(False, call)
    cluster.apply(role_without(right))
    wait_until(True, call)


def test_there_is_a_call_for_each_right(calls: dict[Right, Callable[[], Any]]):
    assert calls.keys() == granted(ROLE)
