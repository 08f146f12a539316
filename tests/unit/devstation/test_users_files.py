"""The users' YAML files, moved to another location."""

from pathlib import Path

import pytest
import yaml

from devstation import ROOT, Location
from devstation.dummy_station import unchanged
from devstation.location import USERS_HOME
from devstation.users_files import users_objects

USERS_LOCATION = Location("v6-jobs", USERS_HOME, 5000)
ELSEWHERE = Location("v6-elsewhere", Path("/srv/elsewhere"), 5070)


def moved(location=ELSEWHERE, change=unchanged, images="registry.example/v6"):
    return users_objects(images, "172.30.0.1", location, change)


def config_of(objects):
    (text,) = (o["data"]["node_config.yaml"] for o in objects if o["kind"] == "ConfigMap")
    return yaml.safe_load(text)


def test_at_the_users_location_the_objects_are_the_users_own():
    paths = [*sorted((ROOT / "node_poc" / "kubeconfs").glob("*.yaml"))]
    paths.append(ROOT / "dummy_proxy" / "proxy_pod_deployment.yaml")
    files = [item for path in paths for item in yaml.safe_load_all(path.read_text()) if item]
    found = moved(USERS_LOCATION, images="localhost:5001")
    assert sorted(found, key=str) == sorted(files, key=str)


def test_no_object_stays_at_the_users_location():
    objects = moved()
    names = [o["metadata"]["name"] for o in objects if o["kind"] == "Namespace"]
    assert names == ["v6-elsewhere"]
    outside = {"Namespace", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    inside = [o for o in objects if o["kind"] not in outside]
    assert {o["metadata"]["namespace"] for o in inside} == {"v6-elsewhere"}
    (binding,) = (o for o in objects if o["kind"] == "RoleBinding")
    assert {subject["namespace"] for subject in binding["subjects"]} == {"v6-elsewhere"}
    text = yaml.safe_dump_all(objects)
    assert str(USERS_HOME) not in text
    assert "localhost:5001" not in text


def test_the_node_its_probe_and_its_gate_get_the_given_image():
    image = f"localhost:5001/v6_node_poc@sha256:{'a' * 64}"
    objects = users_objects("localhost:5001", "172.30.0.1", ELSEWHERE, unchanged, image)
    assert "v6_node_poc:latest" not in yaml.safe_dump_all(objects)
    (node,) = (
        o for o in objects if o["metadata"]["name"] == "v6-node" and "Deployment" in o["kind"]
    )
    assert str(node).count(image) == 3


def test_the_node_finds_its_server_its_folders_and_its_namespace():
    config = config_of(moved())
    assert (config["server_url"], config["port"]) == ("http://172.30.0.1", 5070)
    assert config["task_dir"] == "/srv/elsewhere/tasks"
    assert config["kubernetes"]["namespace"] == "v6-elsewhere"


@pytest.mark.parametrize("location", [USERS_LOCATION, ELSEWHERE])
def test_a_change_reaches_the_nodes_configuration(location):
    def change(config):
        config["kubernetes"]["runs_in_flight"] = 3

    assert config_of(moved(location, change))["kubernetes"]["runs_in_flight"] == 3


def test_the_policy_for_jobs_follows_the_configuration():
    def change(config):
        config["task_dir"] = "/srv/other"

    policy, binding = (o for o in moved(change=change) if "AdmissionPolicy" in o["kind"])
    assert "/srv/other" in str(policy)
    assert "registry.example/v6/v6_node_poc:latest" in str(policy)
    assert policy["metadata"]["name"] == binding["spec"]["policyName"]
    assert policy["metadata"]["labels"]["vantage6.ai/namespace"] == "v6-elsewhere"


def test_the_policy_for_jobs_names_the_deployed_image():
    image = "registry.example/v6/v6_node_poc@sha256:" + "a" * 64
    objects = users_objects("registry.example/v6", "172.30.0.1", ELSEWHERE, unchanged, image)
    (policy, _) = (o for o in objects if "AdmissionPolicy" in o["kind"])
    assert image in str(policy)


def test_a_configuration_that_no_node_takes_has_no_policy_for_jobs():
    def change(config):
        config["task_dir"] = 5

    assert not [o for o in moved(change=change) if "AdmissionPolicy" in o["kind"]]
