"""Command lines of a node's services: pure functions of the layout and the programs' paths."""

from dataclasses import dataclass, field

from devcluster import audit
from devcluster.builds import Binaries
from devcluster.layout import Layout
from devcluster.packages import tool_environment
from devcluster.parts import CONTAINERD, GVISOR, RUNC

#: Clients of the API server that create one object per pod need far more than the default 20
#: requests a second: 200 Jobs take 6.6 s instead of 59 s.
_FAST_CLIENT = ("--kube-api-qps=300", "--kube-api-burst=400")


@dataclass(frozen=True, slots=True)
class Service:
    """A program to run in a node."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Datastore:
    """The service that keeps the API server's data.

    Args:
        service: the service.
        flags: the API server's flags for a connection to the service.
    """

    service: Service
    flags: tuple[str, ...]


def etcd(layout: Layout, binaries: Binaries) -> Datastore:
    """Return etcd, which need not survive a power cut and never waits for the disk."""
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
    flags = (
        "--etcd-servers=https://127.0.0.1:2379",
        f"--etcd-cafile={pki}/ca.crt",
        f"--etcd-certfile={pki}/etcd.crt",
        f"--etcd-keyfile={pki}/etcd.key",
    )
    return Datastore(Service("etcd", argv), flags)


def api_server(layout: Layout, binaries: Binaries, datastore: Datastore) -> Service:
    """Return the API server's service, with node authorization and RBAC."""
    pki = layout.pki_dir
    argv = (
        str(binaries.kubernetes / "kube-apiserver"),
        f"--advertise-address={layout.node_ip(1)}",
        "--secure-port=6443",
        *datastore.flags,
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
        *audit.flags(layout),
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


def containerd(layout: Layout, number: int, binaries: Binaries) -> Service:
    """Return the container runtime's service, which finds the built shims and runc on PATH."""
    folder = binaries.folder(CONTAINERD)
    config = layout.node_dir(number) / "containerd.toml"
    path = f"{folder}:{binaries.folder(RUNC)}:{binaries.folder(GVISOR)}:{tool_environment()}"
    return Service("containerd", (f"{folder}/containerd", f"--config={config}"), {"PATH": path})


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
