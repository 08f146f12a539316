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
    assert proxy["tolerations"][0] == {"key": "example.org/edge", "operator": "Exists"}
    assert "nodeSelector" not in proxy
    for pod in (node, proxy):
        containers = [*pod["containers"], *pod.get("initContainers", [])]
        assert {each["imagePullPolicy"] for each in containers} == {"IfNotPresent"}
    metadata = deployment(objects, "node")["spec"]["template"]["metadata"]
    assert metadata["labels"]["example.org/team"] == "a"
    assert metadata["annotations"]["example.org/note"] == "b"
    selected = deployment(objects, "node")["spec"]["selector"]["matchLabels"]
    assert "example.org/team" not in selected


def test_node_and_proxy_leave_a_lost_machine_as_soon_as_runs_are_lost(station):
    limits = TEXT + "\nkubernetes:\n  limits: {node_lost_seconds: 110}\n"
    for text, seconds in ((TEXT, 10), (limits, 60)):
        objects = station(text)
        for part in ("node", "proxy"):
            assert {
                each["key"]: (each["effect"], each["tolerationSeconds"])
                for each in pod_of(objects, part)["tolerations"]
            } == {
                "node.kubernetes.io/not-ready": ("NoExecute", seconds),
                "node.kubernetes.io/unreachable": ("NoExecute", seconds),
            }


CLAIMS = """
kubernetes:
  storage: {mode: pvc, claim: tasks, databases_claim: data, databases_root: /srv, access_mode: %s}
"""


def test_a_node_whose_volumes_one_machine_has_stays_near_its_runs_and_its_databases(station):
    def made(mode):
        return pod_of(station(TEXT + CLAIMS % mode), "node")

    def claims(pod):
        return {
            each["name"]: each["persistentVolumeClaim"]["claimName"]
            for each in pod["volumes"]
            if "persistentVolumeClaim" in each
        }

    pod = made("ReadWriteOnce")
    (near,) = pod["affinity"]["podAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    labels = near["podAffinityTerm"]["labelSelector"]["matchLabels"]
    assert labels["app.kubernetes.io/component"] == "algorithm"
    assert claims(pod) == {"task-files-root": "tasks", "databases": "data"}
    assert len([each for each in pod["volumes"] if each["name"] == "databases"]) == 1
    assert "affinity" not in made("ReadWriteMany")
