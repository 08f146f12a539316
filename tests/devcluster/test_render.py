"""Configuration files: the settings that each must contain."""

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from devcluster import audit, cilium, dns, kube, render, services
from devcluster.builds import Binaries
from devcluster.layout import Layout
from devcluster.parts import PARTS
from node_poc.manifests.identity import LABEL_COMPONENT, LABEL_RUN

BINARIES = Binaries({part.name: Path(f"/bin-{part.name}") for part in PARTS})


@pytest.mark.parametrize("index", [0, 1])
def test_containerd_pulls_every_image_from_the_local_registry(index: int) -> None:
    layout = Layout(index)
    config = tomllib.loads(
        render.containerd(Path("/n"), Path("/cni"), "overlayfs", Path("/bin/runc"))
    )
    images = config["plugins"]["io.containerd.cri.v1.images"]
    runtime = config["plugins"]["io.containerd.cri.v1.runtime"]
    assert config["version"] == 3
    assert images["registry"]["config_path"] == "/n/registries"
    assert runtime["cni"] == {"bin_dirs": ["/cni"], "conf_dir": "/n/cni"}
    assert images["pinned_images"]["sandbox"] == render.PAUSE_IMAGE
    assert images["snapshotter"] == "overlayfs"
    runc = runtime["containerd"]["runtimes"]["runc"]
    assert runc["options"]["BinaryName"] == "/bin/runc"
    plain, sandbox = (
        runtime["containerd"]["runtimes"][each["handler"]] for each in render.runtime_classes()
    )
    assert plain["options"]["BinaryName"] == "/n/runc-plain"
    assert sandbox["runtime_type"] == "io.containerd.runsc.v1"
    assert sandbox["options"]["ConfigPath"] == "/n/runsc.toml"
    assert tomllib.loads(render.sandbox_runtime()) == {"runsc_config": {"platform": "systrap"}}
    assert config["plugins"]["io.containerd.nri.v1.nri"] == {"disable": True}
    hosts = tomllib.loads(render.hosts_toml(layout))
    assert hosts["server"] == f"http://{layout.registry}"
    assert hosts["host"] == {hosts["server"]: {"capabilities": ["pull", "resolve"]}}


def test_the_second_runtime_is_runc_without_features(tmp_path: Path) -> None:
    program = tmp_path / "plain"
    program.write_text(render.plain_runtime(Path("/bin/echo")))
    told = [
        subprocess.run(["/bin/sh", program, word], capture_output=True, text=True, check=False)
        for word in ("features", "state")
    ]
    assert [(each.returncode, each.stdout) for each in told] == [(1, ""), (0, "state\n")]


def test_the_kubelet_writes_only_into_its_nodes_folder() -> None:
    layout = Layout(1)
    config = json.loads(render.kubelet(layout, 2))
    folder = str(layout.node_dir(2))
    for key in ("resolvConf", "volumePluginDir", "podLogsDir"):
        assert config[key].startswith(folder)
    assert config["cgroupRoot"] == "/v6dev1/node2"
    assert config["clusterDNS"] == [layout.dns_ip]
    assert config["maxPods"] == 110
    assert config["podPidsLimit"] == 1024
    assert config["serializeImagePulls"] is False


def test_kube_proxy_leaves_the_hosts_connection_limits_alone() -> None:
    limits = json.loads(render.kube_proxy(Layout(), 1))["conntrack"]
    assert limits["maxPerCore"] == 0
    assert limits["min"] == 0


def test_names_of_the_cluster_are_answered_in_a_block_without_the_catch_all() -> None:
    blocks = render.corefile().split("\n}\n")
    assert "kubernetes cluster.local" in blocks[0]
    assert "template" not in blocks[0]
    assert blocks[1].startswith(".:53")
    assert "NXDOMAIN" in blocks[1]


def test_dns_objects_are_ones_the_client_can_name() -> None:
    paths = [kube.path_of(item) for item in dns.objects(Layout(1))]
    assert "/api/v1/namespaces/kube-system/services/kube-dns" in paths
    assert "/apis/apps/v1/namespaces/kube-system/deployments/coredns" in paths
    assert "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:coredns" in paths


def test_a_kubeconfig_holds_its_certificates() -> None:
    config = json.loads(render.kubeconfig("c", "https://h:1", "u", b"ca", b"cert", b"key"))
    assert config["current-context"] == "c"
    assert config["clusters"][0]["cluster"] == {
        "server": "https://h:1",
        "certificate-authority-data": "Y2E=",
    }
    assert config["users"][0]["user"]["client-key-data"] == "a2V5"


def test_a_folder_stands_first_on_the_path_once() -> None:
    line = render.shell_path("/a folder/it's")
    script = f'PATH=/usr/bin:/bin\n{line}{line}printf %s "$PATH"'
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "/a folder/it's:/usr/bin:/bin"


@pytest.mark.parametrize("value", ["plain", "with space", "it's", "$(touch x)", "a\nb", ""])
def test_shell_variables_survive_a_shell(value: str) -> None:
    script = render.shell_variables({"X": value}) + 'printf %s "$X"'
    assert (
        subprocess.run(["sh", "-c", script], capture_output=True, check=True, text=True).stdout
        == value
    )
    assert shlex.split(render.shell_variables({"X": value}))[0] == "export"


def test_every_service_writes_below_the_state_folder_only() -> None:
    layout = Layout(1)
    etcd = services.etcd(layout, BINARIES)
    made = [
        etcd.service,
        services.api_server(layout, BINARIES, etcd),
        *services.controllers(layout, BINARIES),
        services.containerd(layout, 1, BINARIES),
        services.kubelet(layout, 1, BINARIES),
        services.kube_proxy(layout, 1, BINARIES),
        cilium.operator(layout, BINARIES),
        cilium.agent(layout, 1, BINARIES, Path("/clang"), "/usr/bin"),
    ]
    assert len({service.name for service in made}) == len(made)
    values = [word.split("=", 1)[1] for s in made for word in s.argv[1:] if "=/" in word]
    inside = (str(layout.state_dir), "/run/")
    assert [value for value in values if not value.startswith(inside)] == []


def test_the_built_runtime_comes_before_the_machines_own() -> None:
    service = services.containerd(Layout(), 1, BINARIES)
    assert service.env["PATH"].startswith("/bin-containerd:/bin-runc:/bin-gvisor:")


def test_pods_may_start_in_bursts() -> None:
    agent = cilium.agent(Layout(), 1, BINARIES, Path("/clang"), "/usr/bin")
    limits = [word for word in agent.argv if word.startswith("--api-rate-limit=endpoint-create=")]
    assert len(limits) == 1
    assert "rate-burst:200" in limits[0]
    assert all("--kube-api-qps=300" in s.argv for s in services.controllers(Layout(), BINARIES))


def test_pods_of_different_runs_are_one_identity_to_the_network() -> None:
    agent = cilium.agent(Layout(), 1, BINARIES, Path("/clang"), "/usr/bin")
    (chosen,) = [word for word in agent.argv if word.startswith("--labels=")]
    left_out = [re.compile(part[1:]) for part in chosen.removeprefix("--labels=").split(",")]
    for label in (LABEL_RUN, "job-name", "batch.kubernetes.io/controller-uid"):
        assert any(pattern.match(label) for pattern in left_out), label
    assert not any(pattern.match(LABEL_COMPONENT) for pattern in left_out)


def test_the_audit_log_has_users_service_accounts_without_contents() -> None:
    policy = json.loads(audit.policy())
    assert [rule["level"] for rule in policy["rules"]] == ["None", "Metadata", "None"]
    made = services.api_server(Layout(), BINARIES, services.etcd(Layout(), BINARIES))
    assert f"--audit-policy-file={audit.policy_file(Layout())}" in made.argv
    assert "--audit-log-maxsize=20" in made.argv
    assert "--audit-log-maxbackup=3" in made.argv
