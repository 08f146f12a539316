"""``render vantage6``: the objects of a complete node; two nodes can share a cluster."""

import pytest
import yaml
from kubernetes import client
from rendered import ROOT, TEXT, deployment, only, pod_of

from node_poc.cli import main
from node_poc.commands.render import WHAT
from node_poc.config.load import parse_config
from node_poc.manifests.config_map import KEY as KEY_OF_FILE
from node_poc.manifests.own_pods import CONFIG_FOLDER

MODELS = {
    "ConfigMap": client.V1ConfigMap,
    "Deployment": client.V1Deployment,
    "Namespace": client.V1Namespace,
    "NetworkPolicy": client.V1NetworkPolicy,
    "Role": client.V1Role,
    "RoleBinding": client.V1RoleBinding,
    "Secret": client.V1Secret,
    "Service": client.V1Service,
    "ServiceAccount": client.V1ServiceAccount,
    "ValidatingAdmissionPolicy": client.V1ValidatingAdmissionPolicy,
    "ValidatingAdmissionPolicyBinding": client.V1ValidatingAdmissionPolicyBinding,
}
IN_NO_NAMESPACE = {
    "Namespace",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}

PROXY = parse_config(TEXT, {}).kubernetes.proxy.service


def test_kubernetes_knows_every_field_and_all_is_in_one_namespace(station):
    objects = station()
    assert objects[0]["kind"] == "Namespace"
    for each in objects:
        MODELS[each["kind"]].model_validate(each)
        if each["kind"] not in IN_NO_NAMESPACE:
            assert each["metadata"]["namespace"] == "v6-jobs"


def test_two_nodes_have_no_object_in_common_but_the_namespace(station):
    one, two = station(), station(environment={"V6_API_KEY": "another"})
    names = [(o["kind"], o["metadata"]["name"]) for o in (*one, *two) if o["kind"] != "Namespace"]
    assert len(set(names)) == len(names)


def test_rights_are_those_of_the_kubeconfs_with_names_of_this_node(station):
    objects = station()
    role = only(objects, "Role")
    template = yaml.safe_load_all((ROOT / "node_poc/kubeconfs/10_rbac.yaml").read_text())
    (original,) = [each for each in template if each["kind"] == "Role"]

    def plain(rules):
        return [{key: rule[key] for key in rule if key != "resourceNames"} for rule in rules]

    assert plain(role["rules"]) == plain(original["rules"])
    named = {r["resources"][0]: r["resourceNames"] for r in role["rules"] if "resourceNames" in r}
    assert named["leases"] == [role["metadata"]["name"]]
    services = [each["metadata"]["name"] for each in objects if each["kind"] == "Service"]
    assert named["services"] == services
    assert len(services) == 2  # the proxy's, and that of squid
    assert not [rule for rule in role["rules"] if "secrets" in rule["resources"]]
    binding = only(objects, "RoleBinding")
    account = only(objects, "ServiceAccount")["metadata"]["name"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [subject["name"] for subject in binding["subjects"]] == [account]
    assert pod_of(objects, "node")["serviceAccountName"] == account


def test_help_explains_everything_that_can_be_printed(capsys):
    with pytest.raises(SystemExit):
        main(["render", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    for what, meaning in WHAT:
        assert f"{what} {meaning}" in told


@pytest.mark.parametrize("component", ["node", "proxy"])
def test_both_pods_read_the_file_where_it_is_mounted(station, component):
    (container,) = pod_of(station(), component)["containers"]
    variables = {each["name"]: each.get("value") for each in container["env"]}
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == "config"]
    assert mount["mountPath"] == CONFIG_FOLDER
    assert variables["V6_NODE_CONFIG"] == f"{CONFIG_FOLDER}/{KEY_OF_FILE}"


def test_the_proxy_reads_a_file_that_says_the_same(station):
    objects = station()
    text = only(objects, "ConfigMap", PROXY)["data"]["node_config.yaml"]
    proxy, node = parse_config(text, {}), parse_config(TEXT, {})
    assert proxy.server_address == node.server_address
    assert proxy.api_path == node.api_path
    assert proxy.kubernetes.proxy == node.kubernetes.proxy
    assert proxy.encryption.enabled is True
    mounts = {m["name"]: m for m in pod_of(objects, "proxy")["containers"][0]["volumeMounts"]}
    assert proxy.encryption.key_file.startswith(mounts["private-key"]["mountPath"])
    assert proxy.databases == []


def test_service_and_policies_select_the_pods(station):
    objects = station()
    proxy = deployment(objects, "proxy")["spec"]["template"]["metadata"]["labels"]
    node = deployment(objects, "node")["spec"]["template"]["metadata"]["labels"]
    service = only(objects, "Service", PROXY)
    assert service["spec"]["selector"].items() <= proxy.items()
    for suffix, labels in (("-proxy", proxy), ("-node", node)):
        policy = only(objects, "NetworkPolicy", suffix)
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    for part in ("proxy", "node"):
        spec = deployment(objects, part)["spec"]
        labels = spec["template"]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"].items() <= labels.items()


def test_task_dir_is_at_the_same_path_and_tables_are_read_only(station):
    pod = pod_of(station(), "node")
    volumes = {each["name"]: each for each in pod["volumes"]}
    (container,) = pod["containers"]
    by_path = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    tasks = by_path["/var/lib/vantage6/tasks"]
    assert volumes[tasks["name"]]["hostPath"]["path"] == "/var/lib/vantage6/tasks"
    assert by_path["/etc/ssl/certs"]["readOnly"] is True
    assert not [path for path in by_path if path.startswith("/srv/data")]
    init = pod["initContainers"][0]
    assert init["command"][-1] == "/var/lib/vantage6/tasks"
    assert init["volumeMounts"] == [tasks]
    assert init["image"] == container["image"] == "registry.example/node:1"
    variables = [each for each in container["env"] if each["name"] == "V6_NODE_IMAGE"]
    assert [each["value"] for each in variables] == ["registry.example/node:1"]


def test_an_init_container_reads_the_columns_and_the_node_sees_no_table(station):
    pod = pod_of(station(), "node")
    _, init = pod["initContainers"]
    (container,) = pod["containers"]
    volumes = {each["name"]: each for each in pod["volumes"]}
    (table,) = [m for m in init["volumeMounts"] if m["name"].startswith("tables-")]
    assert table["mountPath"] == "/tables/srv/data"
    assert table["readOnly"] is True
    # ``DirectoryOrCreate``: a missing folder does not stop the pod, and the kubelet creates only
    # the folder, so the path of the table itself stays free.
    assert volumes[table["name"]]["hostPath"] == {"path": "/srv/data", "type": "DirectoryOrCreate"}
    assert table["name"] not in {m["name"] for m in container["volumeMounts"]}
    assert "/var/lib/vantage6/tasks" not in {m["mountPath"] for m in init["volumeMounts"]}
    file = init["args"][init["args"].index("--output") + 1]
    variables = {each["name"]: each.get("value") for each in container["env"]}
    assert variables["V6_COLUMNS_FILE"] == file
    (left,) = [m for m in container["volumeMounts"] if file.startswith(m["mountPath"] + "/")]
    assert left["readOnly"] is True
    assert "emptyDir" in volumes[left["name"]]
    assert init["securityContext"] == container["securityContext"]
    assert "readinessProbe" not in init


@pytest.mark.parametrize(
    ("uris", "folders"),
    [
        (["/srv/data/a.csv", "/srv/data/b.csv"], ["/srv/data"]),
        (["/srv/data/a.csv", "/srv/data/in/b.csv", "/srv/a.csv"], ["/srv"]),
        (["/srv/data/a.csv", "/srv/data2/b.csv"], ["/srv/data", "/srv/data2"]),
        (["/a.csv"], []),
        (["/a.csv", "/srv/a.csv"], ["/srv"]),
    ],
)
def test_which_folders_the_init_container_sees(station, uris, folders):
    head = "api_key: a\nserver_url: https://server.example\ntask_dir: /tasks\ndatabases:\n"
    rows = [f"  - {{label: a{n}, type: csv, uri: {uri}}}\n" for n, uri in enumerate(uris)]
    pod = pod_of(station(head + "".join(rows)), "node")
    found = [v["hostPath"]["path"] for v in pod["volumes"] if v["name"].startswith("tables-")]
    assert found == folders
    assert len(pod["initContainers"]) == (2 if folders else 1)


def test_without_share_config_nothing_looks_at_tables(station):
    quiet = pod_of(station(TEXT.replace("share_config: true", "share_config: false")), "node")
    assert len(quiet["initContainers"]) == 1
    assert not [v for v in quiet["volumes"] if v["name"].startswith(("tables-", "columns"))]


def test_extras_of_the_node(station):
    objects = station()
    for part in ("node", "proxy"):
        pod = pod_of(objects, part)
        assert {"ip": "192.0.2.1", "hostnames": ["server.example"]} in pod["hostAliases"]


def test_extras_that_kubernetes_cannot_do_are_left_out_and_told(station):
    text = TEXT.replace("server.example: 192.0.2.1", "server.example: host-gateway")
    text = text.replace("/etc/ssl/certs:/etc/ssl/certs:ro", "a_volume:/etc/ssl/certs")
    pod = pod_of(station(text), "node")
    assert "hostAliases" not in pod
    told = {item.key for item in parse_config(text, {}).not_applied}
    assert {"node_extra_hosts.server.example", "node_extra_mounts[0]"} <= told


def test_another_configuration_makes_new_pods(station):
    def marks(objects):
        return {
            tuple(o["spec"]["template"]["metadata"]["annotations"].values())
            for o in objects
            if o["kind"] == "Deployment"
        }

    assert marks(station()) == marks(station())
    assert marks(station()) != marks(station(TEXT.replace("level: debug", "level: info")))


def test_how_much_processor_is_kept_free_for_the_node(station):
    def requests(objects):
        pod = pod_of(objects, "node")
        containers = (*pod["containers"], *pod["initContainers"])
        return {each["resources"]["requests"]["cpu"] for each in containers}

    assert requests(station()) == {"250m"}
    assert requests(station(TEXT + "kubernetes: {node_cpu_request: 50m}\n")) == {"50m"}


def test_a_claim_instead_of_the_machines_folders(station):
    storage = (
        "kubernetes:\n  storage: {mode: pvc, claim: a, databases_claim: b, databases_root: /srv}\n"
    )
    pod = pod_of(station(TEXT + storage), "node")
    (init,) = pod["initContainers"]
    assert {"name": "databases", "mountPath": "/tables/srv", "readOnly": True} in init[
        "volumeMounts"
    ]
    (container,) = pod["containers"]
    assert "databases" not in {mount["name"] for mount in container["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    assert volumes["task-files-root"]["persistentVolumeClaim"] == {"claimName": "a"}
    assert volumes["databases"]["persistentVolumeClaim"] == {"claimName": "b", "readOnly": True}


def test_a_database_that_nobody_finds_is_told(station, capsys):
    station()
    told = capsys.readouterr().err
    assert "'ohdsi'" in told
    assert "kubernetes.databases_egress.ohdsi.address" in told


@pytest.mark.parametrize("what", ["database-secrets", "vantage6"])
def test_the_dummy_server_has_no_use_for_it(what, capsys):
    assert main(["render", what, "--config", str(ROOT / "node_poc/node_config.yaml")]) == 2
    assert "kubernetes.server_kind" in capsys.readouterr().err


def test_the_policies_alone(station):
    alone = station(what="policies")
    assert alone == [o for o in station() if o["kind"] == "NetworkPolicy"]


def test_the_namespace_comes_first_and_pods_come_after_their_walls(station):
    kinds = [made["kind"] for made in station()]
    assert kinds[0] == "Namespace"
    last_wall = max(index for index, kind in enumerate(kinds) if kind == "NetworkPolicy")
    assert all(index > last_wall for index, kind in enumerate(kinds) if kind == "Deployment")


def test_what_is_printed_may_be_applied(station, tmp_path, capsys):
    station()
    for what in {what for what, _ in WHAT} - {"config-map"}:  # the file contains secrets
        assert main(["render", what, "--config", str(tmp_path / "node.yaml")]) == 0
        printed = capsys.readouterr().out
        assert list(yaml.safe_load_all(printed))
        assert "&id" not in printed


def test_a_vantage6_nodes_file_becomes_no_config_map(station, tmp_path, capsys):
    station()
    assert main(["render", "config-map", "--config", str(tmp_path / "node.yaml")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "api_key: " in printed.err
    assert "`render vantage6`" in printed.err
    assert "hidden-words" not in printed.err


def test_a_node_image_by_digest_is_in_each_pod_and_in_the_policy_for_jobs(station):
    """A tag may get another content; the gate and the testers are compared letter by letter."""
    image = "registry.example/node@sha256:" + "1" * 64
    objects = station(image=image)
    for part in ("node", "proxy"):
        pod = pod_of(objects, part)
        containers = [*pod["containers"], *pod.get("initContainers", [])]
        assert {each["image"] for each in containers} == {image}
    variables = pod_of(objects, "node")["containers"][0]["env"]
    assert {"name": "V6_NODE_IMAGE", "value": image} in variables
    assert image in yaml.safe_dump(only(objects, "ValidatingAdmissionPolicy"), width=100_000)
