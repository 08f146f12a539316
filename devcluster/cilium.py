"""cilium: its services, and the folder of its programs in a node."""

import shutil
from pathlib import Path

from devcluster import packages
from devcluster.builds import Binaries
from devcluster.layout import Layout
from devcluster.parts import CILIUM
from devcluster.services import Service

#: By default an agent accepts two new pods a second, four at a time, and returns 429 for more.
_AGENT_LIMIT = "auto-adjust:false,rate-limit:200/s,rate-burst:200,parallel-requests:16"
#: Labels that differ between Jobs. The agent ignores these labels: otherwise each Job's pod would
#: have its own identity, and the agent would compute every policy again. No policy can select these
#: labels.
_OF_ONE_JOB = (
    r"vantage6\.ai/run-id",
    "job-name",
    "controller-uid",
    r"batch\.kubernetes\.io/.*",
)
#: Routing between nodes without tunnels, Services by kube-proxy, and no parts unused by a dev
#: cluster.
_AGENT_SETTINGS = (
    "--enable-ipv4=true",
    "--enable-ipv6=false",
    "--ipam=kubernetes",
    "--routing-mode=native",
    "--auto-direct-node-routes=true",
    "--enable-ipv4-masquerade=true",
    "--kube-proxy-replacement=false",
    "--prepend-iptables-chains",
    "--cni-exclusive=true",
    "--enable-l7-proxy=false",
    "--enable-hubble=false",
    "--enable-health-checking=false",
    "--enable-endpoint-health-checking=false",
    "--cluster-name=default",
    "--identity-allocation-mode=crd",
    "--devices=eth0",
    "--cgroup-root=/run/cilium/cgroupv2",
    "--k8s-client-qps=100",
    "--k8s-client-burst=200",
    f"--labels={','.join(f'!{label}' for label in _OF_ONE_JOB)}",
    *(
        f"--api-rate-limit=endpoint-{verb}={_AGENT_LIMIT}"
        for verb in ("create", "delete", "patch", "get")
    ),
)


def plugin_folder(folder: Path, binaries: Binaries) -> Path:
    """Make a node's folder of CNI plugins, and cilium's folder of BPF sources."""
    plugins = folder / "cni-bin"
    plugins.mkdir(exist_ok=True)
    programs = binaries.folder(CILIUM)
    for source in (packages.cni_folder() / "loopback", programs / "cilium-cni"):
        (plugins / source.name).symlink_to(source)
    shutil.copytree(programs / "bpf", folder / "cilium" / "bpf")
    return plugins


def operator(layout: Layout, binaries: Binaries) -> Service:
    """Return the service of Cilium's operator.

    The operator creates Cilium's resource types and cleans up after removed pods.
    """
    argv = (
        str(binaries.folder(CILIUM) / "cilium-operator"),
        f"--k8s-kubeconfig-path={layout.kubeconfig}",
        "--enable-ipv4=true",
        "--enable-ipv6=false",
        "--ipam=kubernetes",
        "--cluster-name=default",
        "--operator-api-serve-addr=127.0.0.1:9234",
    )
    env = {"K8S_NODE_NAME": layout.node_name(1), "CILIUM_K8S_NAMESPACE": "kube-system"}
    return Service("cilium-operator", argv, env)


def agent(layout: Layout, number: int, binaries: Binaries, clang: Path, path: str) -> Service:
    """Return the service of Cilium's agent: pod network and NetworkPolicies.

    Args:
        layout: the instance.
        number: the node.
        binaries: the folders of the programs.
        clang: folder of clang, with which the agent compiles its BPF programs at its start.
        path: the PATH to put behind the folder of clang.
    """
    folder = layout.node_dir(number)
    argv = (
        str(binaries.folder(CILIUM) / "cilium-agent"),
        f"--k8s-kubeconfig-path={layout.kubeconfig}",
        f"--ipv4-native-routing-cidr={layout.pod_cidr}",
        f"--write-cni-conf-when-ready={folder}/cni/05-cilium.conflist",
        f"--lib-dir={folder}/cilium",
        *_AGENT_SETTINGS,
    )
    env = {
        "K8S_NODE_NAME": layout.node_name(number),
        "CILIUM_K8S_NAMESPACE": "kube-system",
        "PATH": f"{clang}:{path}",
        # cilium writes its CNI file next to the final path only if the folder for temporary files
        # is on another file system; containerd 1.6 overlooks a file moved in from another folder.
        "TMPDIR": "/run",
    }
    return Service("cilium-agent", argv, env)
