"""Profiles: which profile a cluster has, and the settings that each profile must contain."""

import ipaddress
import json
from dataclasses import replace
from pathlib import Path

import pytest

from devcluster import bridge_network, kube, layout, local_path, profiles, services
from devcluster.builds import Binaries
from devcluster.errors import UsageError
from devcluster.layout import MAX_INDEX, MAX_NODES, Layout
from devcluster.parts import KINE, KUBE_ROUTER, MODULES, PARTS, PAUSE, RUNC, Part
from devcluster.profiles.base import Profile

BINARIES = Binaries({part.name: Path(f"/bin-{part.name}") for part in PARTS})
K3S = profiles.named("k3s")
EVERY = pytest.mark.parametrize("profile", profiles.PROFILES.values(), ids=profiles.PROFILES)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a state root of the test's own."""
    monkeypatch.setattr(layout, "STATE_ROOT", tmp_path)
    return tmp_path


def test_every_profile_has_an_instance_of_its_own() -> None:
    assert set(layout.PROFILE_INDEX) == set(profiles.PROFILES)
    indexes = list(layout.PROFILE_INDEX.values())
    assert len(set(indexes)) == len(indexes)
    assert all(0 <= index <= MAX_INDEX for index in indexes)
    assert layout.PROFILE_INDEX["default"] == 0
    assert 1 not in indexes, "the lifecycle tests make and remove instance 1"


@pytest.mark.parametrize(
    ("environment", "index"),
    [
        ({}, 0),
        ({"DEVCLUSTER_INDEX": "", "DEVCLUSTER_PROFILE": ""}, 0),
        ({"DEVCLUSTER_INDEX": "4"}, 4),
        ({"DEVCLUSTER_PROFILE": "k3s"}, layout.PROFILE_INDEX["k3s"]),
        ({"DEVCLUSTER_INDEX": "4", "DEVCLUSTER_PROFILE": "k3s"}, 4),
    ],
)
def test_the_environment_chooses_an_instance(environment: dict[str, str], index: int) -> None:
    assert Layout.chosen(environment) == Layout(index)


@pytest.mark.parametrize(
    "environment",
    [{"DEVCLUSTER_INDEX": "ten"}, {"DEVCLUSTER_INDEX": "-1"}, {"DEVCLUSTER_PROFILE": "k8s"}],
)
def test_other_instances_and_profiles_are_refused(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        Layout.chosen(environment)


@pytest.mark.usefixtures("state")
def test_a_cluster_keeps_its_profile() -> None:
    cluster = Layout(2)
    assert profiles.choose(None, cluster) is profiles.DEFAULT
    assert profiles.choose("k3s", cluster) is K3S
    cluster.state_dir.mkdir()
    profiles.record(cluster, K3S)
    assert profiles.choose(None, cluster) is K3S
    assert profiles.choose("k3s", cluster) is K3S
    with pytest.raises(UsageError, match=r"v6dev2 exists with the profile k3s, not default.* down"):
        profiles.choose("default", cluster)


def test_a_cluster_without_a_record_has_the_default_profile(state: Path) -> None:
    (state / "v6dev0").mkdir()
    assert profiles.of(Layout(0)) is profiles.DEFAULT
    with pytest.raises(UsageError):
        profiles.choose("k3s", Layout(0))


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(UsageError, match="one of default, k3s"):
        profiles.named("k8s")


@EVERY
def test_every_service_of_a_profile_writes_below_the_state_folder_only(
    profile: Profile,
) -> None:
    cluster = Layout(1)
    datastore = profile.datastore(cluster, BINARIES)
    made = [
        datastore.service,
        services.api_server(cluster, BINARIES, datastore),
        services.containerd(cluster, 1, BINARIES),
        *profile.control_services(cluster, BINARIES),
        *profile.node_services(cluster, 1, BINARIES),
    ]
    names = [service.name for service in made]
    assert len(set(names)) == len(names)
    assert profile.network_service in names
    values = [word.split("=", 1)[1] for s in made for word in s.argv[1:] if "=/" in word]
    assert [
        value for value in values if not value.startswith((str(cluster.state_dir), "/run/"))
    ] == []


@EVERY
def test_every_image_of_a_profile_is_built_by_the_profile(profile: Profile) -> None:
    assert all(image.part in profile.parts for image in profile.images)
    assert all(image.name in image.part.programs for image in profile.images)


FETCHED = [part for part in PARTS if (MODULES / part.name / "go.sum").exists()]


@pytest.mark.parametrize("part", FETCHED, ids=[part.name for part in FETCHED])
def test_every_version_is_the_one_that_go_builds(part: Part) -> None:
    assert f" v{part.version}" in (MODULES / part.name / "go.mod").read_text()


def test_c_code_changes_the_key_of_its_own_part_only() -> None:
    assert "cgo" not in repr(PAUSE)
    assert replace(PAUSE, cgo=True).key("x86_64") != PAUSE.key("x86_64")
    assert KINE.cgo
    assert RUNC.cgo


def test_kine_listens_on_a_socket_in_the_state_folder_only() -> None:
    cluster = Layout(2)
    made = K3S.datastore(cluster, BINARIES)
    socket = f"unix://{cluster.node_dir(1)}/kine.sock"
    assert f"--listen-address={socket}" in made.service.argv
    # Otherwise kine serves its metrics on port 8080 of all addresses.
    assert "--metrics-bind-address=0" in made.service.argv
    argv = services.api_server(cluster, BINARIES, made).argv
    assert [word for word in argv if word.startswith("--etcd-")] == list(made.flags)
    assert made.flags == (f"--etcd-servers={socket}",)


@pytest.mark.parametrize("number", [1, MAX_NODES])
def test_pods_of_a_node_have_addresses_that_other_nodes_route_to(number: int) -> None:
    cluster = Layout(2)
    bridge, ports, tuning = json.loads(bridge_network.cni_config(cluster, number))["plugins"]
    subnet = bridge["ipam"]["ranges"][0][0]["subnet"]
    assert ipaddress.ip_network(subnet).subnet_of(ipaddress.ip_network(cluster.pod_cidr))  # type: ignore[arg-type]
    assert not bridge["ipMasq"], "policies select pods by their own addresses"
    assert ports["type"] == "portmap"
    assert tuning["sysctl"] == {"net.ipv6.conf.all.disable_ipv6": "1"}, "policies are for IPv4"
    for other in range(1, MAX_NODES + 1):
        line = f"route add {subnet} via {cluster.node_ip(number)}\n"
        assert (line in bridge_network.routes(cluster, other)) is (other != number)


def test_only_packets_to_the_outside_get_the_nodes_address() -> None:
    words = bridge_network.masquerade(Layout(2), 1)
    assert words[words.index("!") : words.index("!") + 3] == ["!", "-d", "10.44.0.0/16"]
    assert words[-2:] == ["-j", "MASQUERADE"]


def test_kube_router_enforces_policies_and_does_nothing_else() -> None:
    argv = bridge_network.kube_router(Layout(2), 1, BINARIES).argv
    assert argv[0] == f"{BINARIES.folder(KUBE_ROUTER)}/kube-router"
    assert "--run-firewall=true" in argv
    for part in ("run-router", "run-service-proxy", "run-loadbalancer", "enable-cni"):
        assert f"--{part}=false" in argv


def test_the_objects_of_a_profile_are_ones_the_client_can_name() -> None:
    for profile in profiles.PROFILES.values():
        paths = [kube.path_of(item) for item in profile.objects(Layout(2))]
        assert "/apis/storage.k8s.io/v1/storageclasses/local-path" in paths
        assert "/apis/apps/v1/namespaces/kube-system/deployments/local-path-provisioner" in paths


def test_volumes_are_folders_below_the_state_folder() -> None:
    cluster = Layout(2)
    found = {item["kind"]: item for item in local_path.objects(cluster)}
    settings = json.loads(found["ConfigMap"]["data"]["config.json"])
    (paths,) = [entry["paths"] for entry in settings["nodePathMap"]]
    assert paths == [f"{cluster.state_dir}/local-path"]
    assert settings["setupCommand"] == settings["teardownCommand"] == "/local-path-helper"
    default = found["StorageClass"]["metadata"]["annotations"]
    assert default == {"storageclass.kubernetes.io/is-default-class": "true"}


def test_the_images_of_local_path_are_pushed() -> None:
    pushed = {f"localhost:5001/{i.name}:{i.part.version}" for i in K3S.images}
    found = {item["kind"]: item for item in local_path.objects(Layout(2))}
    helper = json.loads(found["ConfigMap"]["data"]["helperPod.yaml"])["spec"]["containers"][0]
    provisioner = found["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert {helper["image"], provisioner["image"]} <= pushed
    assert f"--helper-image={helper['image']}" in provisioner["args"]
