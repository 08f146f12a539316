"""The command applies the objects of `render` and of `kubectl apply -f ./kubeconfs`."""

import base64
import copy
from pathlib import Path

import pytest
import yaml

import node_poc
from node_poc.commands.render import render
from node_poc.config.errors import ConfigError
from node_poc.config.load import load_config
from node_poc.manage.plan import key_of
from node_poc.manage.station_file import NoImageError, choose
from node_poc.manifests import identity

KUBECONFS = Path(node_poc.__file__).with_name("kubeconfs")
TEXT = """\
api_key: 0a0b21aa-66f0-40b2-ac04-3714d6f19ba7
server_url: https://server.example
port: 443
api_path: /api
task_dir: /srv/v6/tasks
databases:
  - {label: default, uri: /srv/v6/employees.csv, type: csv}
node_extra_env: {HTTPS_PROXY: "http://user:word@proxy.example"}
docker_registries: [{registry: registry.example, username: u, password: p}]
kubernetes: {node_name: hospital-a, namespace: v6-hospital-a, node_image: registry.example/node:1}
"""


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "hospital-a.yaml"
    made.write_text(TEXT)
    return made


def without_marks(made):
    """Return an object without the marks that the command adds, with the texts of its Secret."""
    made = copy.deepcopy(made)
    metadata = made["metadata"]
    notes = {k: v for k, v in metadata.pop("annotations", {}).items() if "vantage6.ai" not in k}
    labels = metadata.get("labels", {})
    metadata["labels"] = {k: v for k, v in labels.items() if k != identity.LABEL_NODE}
    if made["kind"] == "Secret":
        texts = {k: base64.b64decode(v).decode() for k, v in made.pop("data", {}).items()}
        made["stringData"] = texts | made.get("stringData", {})
    return made | {"metadata": metadata | ({"annotations": notes} if notes else {})}


def test_the_command_applies_what_render_prints(path):
    applied = choose(path, environment={}).objects()
    printed = list(yaml.safe_load_all(render("vantage6", load_config(path, {}), path)))
    assert [key_of(each) for each in applied] == [key_of(each) for each in printed]
    assert [without_marks(each) for each in applied] == [without_marks(each) for each in printed]


def test_walls_stand_before_any_pod(path):
    kinds = [each["kind"] for each in choose(path, environment={}).objects()]
    last_wall = max(i for i, kind in enumerate(kinds) if kind == "NetworkPolicy")
    assert kinds.index("Deployment") > last_wall


def of_kubeconfs(file, kind):
    text = (KUBECONFS / file).read_text()
    (found,) = (each for each in yaml.safe_load_all(text) if each["kind"] == kind)
    return found


def of_command(path, kind, component=None):
    objects = choose(path, environment={}).objects()
    (found,) = (
        each
        for each in objects
        if each["kind"] == kind
        and (component in {None, each["metadata"]["labels"].get(identity.LABEL_COMPONENT)})
    )
    return found


def test_a_node_of_kubeconfs_has_the_same_rights(path):
    ours, theirs = of_command(path, "Role"), of_kubeconfs("10_rbac.yaml", "Role")
    names = [rule.pop("resourceNames", None) for rule in ours["rules"]]
    assert [rule.pop("resourceNames", None) is None for rule in theirs["rules"]] == [
        name is None for name in names
    ]
    assert ours["rules"] == theirs["rules"]


def test_a_node_of_kubeconfs_has_the_same_pod(path):
    """The kinds of servers differ in image, folders, names and the parts that read columns."""
    ours = of_command(path, "Deployment", "node")["spec"]
    theirs = of_kubeconfs("node_pod_config.yaml", "Deployment")["spec"]
    assert (ours["replicas"], ours["strategy"]) == (theirs["replicas"], theirs["strategy"])
    our_pod, their_pod = ours["template"]["spec"], theirs["template"]["spec"]
    for key in ("enableServiceLinks", "terminationGracePeriodSeconds", "securityContext"):
        assert our_pod[key] == their_pod[key]
    ((our_node,), (their_node,)) = our_pod["containers"], their_pod["containers"]
    same = their_node.keys() - {"image", "env", "volumeMounts"}
    assert {key: our_node[key] for key in same} == {key: their_node[key] for key in same}


def test_a_node_of_kubeconfs_has_the_same_walls_around_algorithms(path):
    """With both kinds of servers, algorithms reach the proxy of their node and nothing else."""
    theirs = [*yaml.safe_load_all((KUBECONFS / "network_policies.yaml").read_text())]
    ours = [x for x in choose(path, environment={}).objects() if x["kind"] == "NetworkPolicy"]

    def egress(policies):
        component = identity.COMPONENT_ALGORITHM
        selected = (
            each["spec"]
            for each in policies
            if each["spec"]["podSelector"]["matchLabels"].get(identity.LABEL_COMPONENT) == component
        )
        return [
            (
                [
                    peer["podSelector"]["matchLabels"][identity.LABEL_COMPONENT]
                    for peer in way["to"]
                ],
                way["ports"],
            )
            for spec in selected
            for way in spec.get("egress", [])
        ]

    assert egress(ours) == egress(theirs) == [(["proxy"], [{"protocol": "TCP", "port": 8080}])]


def test_a_file_without_an_image_is_told_the_remedy(path):
    path.write_text(TEXT.replace(", node_image: registry.example/node:1", ""))
    with pytest.raises(NoImageError, match="image build --push"):
        choose(path, environment={}).objects()


def test_a_node_of_the_dummy_server_is_left_to_kubectl(path):
    path.write_text(TEXT.replace("api_key: 0a0b21aa-66f0-40b2-ac04-3714d6f19ba7\n", ""))
    with pytest.raises(ConfigError, match=r"kubectl apply -f \./kubeconfs"):
        choose(path, environment={}).objects()
