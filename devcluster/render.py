"""Texts of configuration files: pure functions of the layout. JSON is valid for YAML readers."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devcluster import versions
from devcluster.layout import MANIFEST_REGISTRY, Layout

PAUSE_IMAGE = f"{MANIFEST_REGISTRY}/pause:{versions.PAUSE}"
COREDNS_IMAGE = f"{MANIFEST_REGISTRY}/coredns:{versions.COREDNS}"
#: Program, handler and RuntimeClass of a second runtime: runc, as if runc were old.
PLAIN_RUNTIME = "runc-plain"
#: RuntimeClass of gVisor, and its handler. Only tests build the handler's programs.
SANDBOX_CLASS, SANDBOX_HANDLER = "gvisor", "runsc"


def kubeconfig(cluster: str, server: str, user: str, *texts: bytes) -> str:
    """Return a kubeconfig; ``texts`` are authority, client certificate and client key."""
    authority, certificate, key = (base64.b64encode(text).decode() for text in texts)
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": cluster,
            "clusters": [
                {
                    "name": cluster,
                    "cluster": {"server": server, "certificate-authority-data": authority},
                }
            ],
            "users": [
                {
                    "name": user,
                    "user": {"client-certificate-data": certificate, "client-key-data": key},
                }
            ],
            "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        },
        indent=1,
    )


def containerd(folder: Path, cni_bin: Path, snapshotter: str, runc: Path) -> str:
    """Return the config.toml of containerd 2.

    Args:
        folder: the node's folder, for images and for hosts.toml.
        cni_bin: folder of CNI plugins.
        snapshotter: ``overlayfs``, or ``native`` where overlays do not work.
        runc: the program that starts containers.
    """
    cri = 'plugins."io.containerd.cri.v1'
    return f"""version = 3
root = "{folder}/containerd"
state = "/run/containerd"
# `opt` would make a folder on the host.
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "/run/containerd/containerd.sock"
[{cri}.images"]
  snapshotter = "{snapshotter}"
  max_concurrent_downloads = 8
[{cri}.images".pinned_images]
  sandbox = "{PAUSE_IMAGE}"
[{cri}.images".registry]
  config_path = "{folder}/registries"
[{cri}.runtime"]
  # Lowering oom_score_adj needs CAP_SYS_RESOURCE, which containers and small VMs often lack.
  restrict_oom_score_adj = true
[{cri}.runtime".cni]
  bin_dirs = ["{cni_bin}"]
  conf_dir = "{folder}/cni"
[{cri}.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[{cri}.runtime".containerd.runtimes.runc.options]
  BinaryName = "{runc}"
[{cri}.runtime".containerd.runtimes.{PLAIN_RUNTIME}]
  runtime_type = "io.containerd.runc.v2"
[{cri}.runtime".containerd.runtimes.{PLAIN_RUNTIME}.options]
  BinaryName = "{folder / PLAIN_RUNTIME}"
[{cri}.runtime".containerd.runtimes.{SANDBOX_HANDLER}]
  runtime_type = "io.containerd.runsc.v1"
[{cri}.runtime".containerd.runtimes.{SANDBOX_HANDLER}.options]
  TypeUrl = "io.containerd.runsc.v1.options"
  ConfigPath = "{folder}/{SANDBOX_HANDLER}.toml"
# Plugins of the machine (NRI) would see and change every container.
[plugins."io.containerd.nri.v1.nri"]
  disable = true
"""


def plain_runtime(runc: Path) -> str:
    """Return a program like ``runc`` that tells containerd of no features.

    The kubelet then takes the runtime for one without user namespaces and recursive read-only
    mounts, as on an older cluster.
    """
    return f"""#!/bin/sh
[ "$1" != features ] && exec "{runc}" "$@"
exit 1
"""


def sandbox_runtime() -> str:
    """Return the configuration of gVisor's shim: the platform that needs no virtual machine."""
    return '[runsc_config]\nplatform = "systrap"\n'


def runtime_classes() -> list[dict[str, Any]]:
    """Return the RuntimeClasses of the runtimes beside runc."""
    kind = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass"}
    handlers = {PLAIN_RUNTIME: PLAIN_RUNTIME, SANDBOX_CLASS: SANDBOX_HANDLER}
    return [
        {**kind, "metadata": {"name": name}, "handler": handler}
        for name, handler in handlers.items()
    ]


def hosts_toml(layout: Layout) -> str:
    """Return containerd's hosts.toml, with the local registry in place of every registry.

    Nodes cannot reach the internet: with this file, an image of another registry is "not found" at
    once instead of after name server timeouts.
    """
    return f"""server = "http://{layout.registry}"
[host."http://{layout.registry}"]
  capabilities = ["pull", "resolve"]
"""


def kubelet(layout: Layout, number: int) -> str:
    """Return the kubelet's configuration: small reserves, and no rate limits for a fast start."""
    folder = layout.node_dir(number)
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(layout.pki_dir / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": layout.node_cgroup(number),
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "clusterDNS": [layout.dns_ip],
            "clusterDomain": "cluster.local",
            "resolvConf": str(folder / "resolv.conf"),
            "volumePluginDir": str(folder / "volume-plugins"),
            "podLogsDir": str(folder / "pods"),
            "failSwapOn": False,
            "failCgroupV1": False,
            "maxPods": 110,
            # A fork bomb in one pod must not use up the process ids of other pods, or of the host.
            "podPidsLimit": 1024,
            "serializeImagePulls": False,
            "registryPullQPS": 0,
            "eventRecordQPS": 0,
            "kubeAPIQPS": 100,
            "kubeAPIBurst": 200,
            # The disk is the developer's: on a full disk the kubelet deletes no images and evicts
            # no pods.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%"},
        },
        indent=1,
    )


def kube_proxy(layout: Layout, number: int) -> str:
    """Return kube-proxy's configuration; the conntrack limits stay as the host's."""
    return json.dumps(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clientConnection": {"kubeconfig": str(layout.kubeconfig), "qps": 50, "burst": 100},
            "clusterCIDR": layout.pod_cidr,
            "hostnameOverride": layout.node_name(number),
            "iptables": {"minSyncPeriod": "0s"},
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
        },
        indent=1,
    )


def corefile() -> str:
    """Return CoreDNS' configuration: the cluster's names, and "no such name" for all others.

    The two kinds of names need two blocks, because in one block ``template`` would answer before
    ``kubernetes``.
    """
    return """cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {
    errors
    health :8080
    ready :8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        ttl 5
    }
    cache 5
    loadbalance
    reload
}
.:53 {
    errors
    template ANY ANY {
        rcode NXDOMAIN
    }
}
"""


def registry(layout: Layout, data: Path) -> str:
    """Return docker-registry's configuration (YAML): images in ``data``, bridge address only."""
    return json.dumps(
        {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {
                "filesystem": {"rootdirectory": str(data)},
                "delete": {"enabled": True},
                "cache": {"blobdescriptor": "inmemory"},
            },
            "http": {"addr": layout.registry, "secret": layout.name},
        },
        indent=1,
    )


def shell_variables(values: Mapping[str, str]) -> str:
    """Return ``export NAME='value'`` lines, safe for ``eval``."""
    return "".join(f"export {name}={_quoted(value)}\n" for name, value in values.items())


def shell_path(folder: str) -> str:
    """Return a line for ``eval`` that puts a folder first on PATH, at most once."""
    quoted = _quoted(folder)
    return f'case "$PATH" in {quoted}:*) ;; *) export PATH={quoted}:"$PATH" ;; esac\n'


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"
