"""Users and groups of pods: fixed numbers, or those of the cluster (OpenShift's restricted-v2)."""

import json

import pytest
import yaml

from node_poc.commands.render import own_group, station_objects
from node_poc.config.load import ConfigError, parse_config
from node_poc.isolation.cel import literal
from node_poc.isolation.job_policy import build_job_policy, sample_job
from node_poc.isolation.self_test.jobs import build_tester
from node_poc.manifests.namespace import pod_security_level

NUMBERS = {"runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"}
FILE = {
    "api_key": "0a0b21aa-66f0-40b2-ac04-3714d6f19ba7",
    "server_url": "https://server.example",
    "task_dir": "/tasks",
    "databases": [{"label": "default", "uri": "/databases/a.csv", "type": "csv"}],
    "whitelist": {"domains": ["names.example"]},
}
CLAIMS = {"mode": "pvc", "claim": "tasks", "databases_claim": "databases"}
PARTS = ("node", "proxy", "whitelist-proxy")


def file_with(storage=CLAIMS, **security):
    return yaml.safe_dump(FILE | {"kubernetes": {"storage": storage, "security": security}})


def configured(**users):
    return parse_config(file_with(users=users), {})


def contexts(users, tmp_path):
    """Return the security context of each part's pod, the Job of an algorithm included."""
    text = file_with(users=users)
    objects = station_objects(configured(**users), tmp_path / "node.yaml", text, {})
    found = {
        each["metadata"]["labels"]["app.kubernetes.io/component"]: each["spec"]["template"]["spec"]
        for each in objects
        if each["kind"] == "Deployment"
    }
    found["algorithm"] = sample_job(configured(**users), 10001)["spec"]["template"]["spec"]
    return {part: pod["securityContext"] for part, pod in found.items()}


def numbers_of(value):
    return NUMBERS & set(json.dumps(value).replace('"', " ").split())


def test_the_cluster_chooses_all_users(tmp_path):
    users = dict.fromkeys(("algorithms", "node", "proxy"), "cluster")
    for context in contexts(users, tmp_path).values():
        assert numbers_of(context) == set()
        assert context["runAsNonRoot"] is True
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    text = file_with(users=users)
    made = station_objects(configured(**users), tmp_path / "node.yaml", text, {})
    assert numbers_of([each for each in made if each["kind"] == "Deployment"]) == set()


def test_each_part_chooses_for_itself(tmp_path):
    proxy = contexts({"proxy": "cluster"}, tmp_path)
    assert {part for part, each in proxy.items() if numbers_of(each)} == {"node", "algorithm"}
    others = contexts({"algorithms": "cluster", "node": "cluster"}, tmp_path)
    assert {part for part, each in others.items() if numbers_of(each)} == {"proxy", PARTS[2]}
    assert all(map(numbers_of, contexts({}, tmp_path).values()))


def test_the_policy_for_jobs_and_the_self_test_follow():
    config = configured(algorithms="cluster", node="cluster")
    policy, _ = build_job_policy(config, "v6-node", own_group())
    rules = [each["expression"] for each in policy["spec"]["validations"]]
    context = sample_job(config, own_group())["spec"]["template"]["spec"]["securityContext"]
    (rule,) = [each for each in rules if "supplementalGroupsPolicy" in each]
    assert literal(context) in rule
    assert not any(f'"{each}"' in rule for each in NUMBERS)
    tester = build_tester(config, own_group(), "0", "")["spec"]["template"]["spec"]
    assert tester["securityContext"] == context


def test_pod_security_admits_the_pods_at_its_strictest_level():
    users = dict.fromkeys(("algorithms", "node", "proxy"), "cluster")
    assert pod_security_level(configured(**users)) == "restricted"


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"users": {"algorithms": "cluster"}}, "security.users: algorithms and node"),
        ({"users": {"node": "cluster"}}, "security.users: algorithms and node"),
        (
            {"users": {"algorithms": "cluster", "node": "cluster"}, "storage": {}},
            "storage.mode to pvc",
        ),
        (
            {"users": {"algorithms": "cluster", "node": "cluster"}, "run_as_user": 7},
            "security.run_as_user: has no effect",
        ),
        ({"users": {"algorithm": "cluster"}}, "security.users"),
        ({"users": {"proxy": "random"}}, "security.users"),
    ],
    ids=["algorithms", "node", "folders", "a-number", "unknown-part", "unknown-word"],
)
def test_settings_that_contradict_each_other_are_refused(changed, key):
    with pytest.raises(ConfigError, match=key):
        parse_config(file_with(**changed), {})
