"""What doctor says about the Deployments of node and proxy."""

from node_poc.commands.doctor.lines import Level
from node_poc.commands.doctor.own_pods import look_at_own_pods
from node_poc.manifests.identity import Identity
from tests.fakes.examples import config, vantage6_config
from tests.unit.commands.doctor.api_answers import Answers

PATH = "/apis/apps/v1/namespaces/v6-jobs/deployments"


def deployment(part, *, replicas=1, ready=1, image="v6/node@sha256:1", node=None):
    labels = {"app.kubernetes.io/component": part}
    labels |= {"vantage6.ai/node": node} if node else {}
    return {
        "metadata": {"name": f"v6-{part}", "labels": labels},
        "spec": {
            "replicas": replicas,
            "template": {"spec": {"containers": [{"image": image}]}},
        },
        "status": {"readyReplicas": ready} if ready else {},
    }


def levels(*deployments, made=None):
    made = made or config()
    path = f"/apis/apps/v1/namespaces/{made.kubernetes.namespace}/deployments"
    return [
        (line.level, line.found) for line in look_at_own_pods(made, Answers({path: [*deployments]}))
    ]


def test_ready_parts_are_told_with_their_images():
    found = levels(deployment("node"), deployment("proxy", image="v6/proxy"))
    assert found == [
        (Level.OK, "the node is ready, image v6/node@sha256:1"),
        (Level.OK, "the proxy is ready, image v6/proxy"),
    ]


def test_a_part_may_be_missing_off_or_not_ready():
    assert levels(deployment("node", ready=0)) == [
        (Level.FAILURE, "the node is not ready (Deployment v6-node)"),
        (Level.WARNING, "the Deployment of the proxy is not in the namespace"),
    ]
    (node, _) = levels(deployment("node", replicas=0, ready=0), deployment("proxy"))
    assert node == (Level.WARNING, "the node is switched off (Deployment v6-node: replicas 0)")


def test_objects_of_other_nodes_do_not_count():
    made = vantage6_config()
    own = Identity(made.kubernetes.node_name).node_label
    found = levels(
        deployment("node", node=own),
        deployment("node", node="v6-other", ready=0),
        deployment("proxy", node=own),
        made=made,
    )
    assert [level for level, _ in found] == [Level.OK, Level.OK]


def test_two_versions_of_one_node_are_told():
    made = vantage6_config()
    *_, (level, text) = levels(deployment("node"), deployment("proxy", image="v6/old"), made=made)
    assert level is Level.WARNING
    assert "v6/node@sha256:1 and v6/old" in text
