"""``render vantage6``: placement, metadata and pull policy of the pods of node and proxy."""

from rendered import TEXT, deployment, pod_of

PLACED = (
    TEXT
    + """
kubernetes:
  node_image_pull_policy: IfNotPresent
  placement:
    node:
      node_selector: {example.org/room: "1"}
      priority_class: important
      labels: {example.org/team: a}
      annotations: {example.org/note: b}
    proxy:
      tolerations: [{key: example.org/edge, operator: Exists}]
"""
)


def test_each_part_has_its_own_placement(station):
    objects = station(PLACED)
    node, proxy = pod_of(objects, "node"), pod_of(objects, "proxy")
    assert node["nodeSelector"] == {"example.org/room": "1"}
    assert node["priorityClassName"] == "important"
    assert proxy["tolerations"] == [{"key": "example.org/edge", "operator": "Exists"}]
    assert "nodeSelector" not in proxy
    for pod in (node, proxy):
        containers = [*pod["containers"], *pod.get("initContainers", [])]
        assert {each["imagePullPolicy"] for each in containers} == {"IfNotPresent"}
    metadata = deployment(objects, "node")["spec"]["template"]["metadata"]
    assert metadata["labels"]["example.org/team"] == "a"
    assert metadata["annotations"]["example.org/note"] == "b"
    selected = deployment(objects, "node")["spec"]["selector"]["matchLabels"]
    assert "example.org/team" not in selected
