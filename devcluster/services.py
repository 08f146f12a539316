"""Command lines of a node's services: pure functions of the layout and the programs' paths."""

from dataclasses import dataclass, field
from pathlib import Path

from devcluster.builds import Binaries
from devcluster.layout import Layout

#: Clients of the API server that create one object per pod need far more than the default 20
#: requests a second: 200 Jobs take 6.6 s instead of 59 s.
_FAST_CLIENT = ("--kube-api-qps=300", "--kube-api-burst=400")

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


@dataclass(frozen=True, slots=True)
class Service:
    """A program to run in a node."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)


def etcd(layout: Layout, binaries: Binaries) -> Service:
    """Return etcd's service, which need not survive a power cut and never waits for the disk."""
    pki = layout.pki_dir
    argv = (
        str(binaries.kubernetes / "etcd"),
        f"--data-dir={layout.node_dir(1)}/etcd",
        "--listen-client-urls=https://127.0.0.1:2379",
        "--advertise-client-urls=https://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        f"--cert-file={pki}/etcd.crt",
        f"--key-file={pki}/etcd.key",
        f"--trusted-ca-file={pki}/ca.crt",
        "--client-cert-auth",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )
    return Service("etcd", argv)


def api_server(layout: Layout, binaries: Binaries) -> Service:
    """Return the API server's service, with node authorization and RBAC."""
    pki = layout.pki_dir
    argv = (
        str(binaries.kubernetes / "kube-apiserver"),
        f"--advertise-address={layout.node_ip(1)}",
        "--secure-port=6443",
        "--etcd-servers=https://127.0.0.1:2379",
        f"--etcd-cafile={pki}/ca.crt",
        f"--etcd-certfile={pki}/etcd.crt",
        f"--etcd-keyfile={pki}/etcd.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-cluster-ip-range={layout.service_cidr}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--max-requests-inflight=800",
        "--max-mutating-requests-inflight=400",
    )
    return Service("kube-apiserver", argv)


def controllers(layout: Layout, binaries: Binaries) -> list[Service]:
    """Return the services of controller manager and scheduler, without leader election.

    The cluster has only one of each.
    """
    pki = layout.pki_dir

    def common(name: str) -> tuple[str, ...]:
        config = f"{pki}/{name}.conf"
        return (
            str(binaries.kubernetes / name),
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            "--leader-elect=false",
            *_FAST_CLIENT,
        )

    manager = (
        *common("kube-controller-manager"),
        f"--client-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--service-account-private-key-file={pki}/sa.key",
        "--use-service-account-credentials",
        "--allocate-node-cidrs",
        f"--cluster-cidr={layout.pod_cidr}",
        f"--service-cluster-ip-range={layout.service_cidr}",
    )
    return [
        Service("kube-controller-manager", manager),
        Service("kube-scheduler", common("kube-scheduler")),
    ]


def containerd(layout: Layout, number: int) -> Service:
    """Return the container runtime's service."""
    return Service(
        "containerd", ("containerd", f"--config={layout.node_dir(number)}/containerd.toml")
    )


def kubelet(layout: Layout, number: int, binaries: Binaries) -> Service:
    """Return the kubelet's service."""
    name = layout.node_name(number)
    argv = (
        str(binaries.kubernetes / "kubelet"),
        f"--config={layout.node_dir(number)}/kubelet.json",
        f"--kubeconfig={layout.pki_dir}/kubelet-{name}.conf",
        f"--hostname-override={name}",
        f"--node-ip={layout.node_ip(number)}",
    )
    return Service("kubelet", argv)


def kube_proxy(layout: Layout, number: int, binaries: Binaries) -> Service:
    """Return kube-proxy's service, which makes addresses of Services work."""
    config = layout.node_dir(number) / "kube-proxy.json"
    return Service("kube-proxy", (str(binaries.kubernetes / "kube-proxy"), f"--config={config}"))


def cilium_operator(layout: Layout, binaries: Binaries) -> Service:
    """Return the service of Cilium's operator.

    The operator creates Cilium's resource types and cleans up after removed pods.
    """
    argv = (
        str(binaries.cilium / "cilium-operator"),
        f"--k8s-kubeconfig-path={layout.kubeconfig}",
        "--enable-ipv4=true",
        "--enable-ipv6=false",
        "--ipam=kubernetes",
        "--cluster-name=default",
        "--operator-api-serve-addr=127.0.0.1:9234",
    )
    env = {"K8S_NODE_NAME": layout.node_name(1), "CILIUM_K8S_NAMESPACE": "kube-system"}
    return Service("cilium-operator", argv, env)


def cilium_agent(
    layout: Layout, number: int, binaries: Binaries, clang: Path, path: str
) -> Service:
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
        str(binaries.cilium / "cilium-agent"),
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
