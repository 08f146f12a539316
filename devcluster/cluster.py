"""Make a cluster, add nodes, replace dead nodes, and remove everything."""

import contextlib
import fcntl
import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from devcluster import cgroups, dns, network, nodes, packages, pki, processes, registry, render
from devcluster import services as argv
from devcluster.build_settings import overlay_works
from devcluster.builds import Binaries
from devcluster.console import Console
from devcluster.errors import DevClusterError
from devcluster.kube import Api
from devcluster.layout import STATE_ROOT, Layout
from devcluster.shell import tail, wait_until
from devcluster.versions import cache_root

#: Written last: a state folder without this file belongs to an unfinished cluster.
COMPLETE = "complete"
_READY_SECONDS = 180.0
_NOT_READY_TAINTS = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}


@contextlib.contextmanager
def locked(what: str, console: Console) -> Iterator[None]:
    """Let one command at a time change ``what`` (an instance, the builds …); others wait."""
    path = cache_root() / f"{what}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.note(f"another command is at work on {what}; waiting for it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def trouble(layout: Layout) -> str | None:
    """Return why the instance is not a working cluster; None if it works, or does not exist."""
    roles = {process.role for process in processes.find(layout.name)}
    if not layout.state_dir.exists():
        leftovers = roles or network.link_exists(layout)
        return "processes or a link without a state folder" if leftovers else None
    if not (layout.state_dir / COMPLETE).exists():
        return "it was never finished"
    if not roles:
        return "none of its processes is running (a reboot?)"
    if network.SWITCH not in roles or not network.link_exists(layout):
        return "its network is gone"
    if 1 not in nodes.running(layout):
        return "its first node is dead"
    return None


def up(layout: Layout, count: int, binaries: Binaries, console: Console) -> None:
    """Bring the cluster to at least ``count`` nodes, all Ready.

    Raises:
        DevClusterError: a step failed; everything made so far stays for inspection, and the next
            ``up`` or ``down`` removes it.
    """
    reason = trouble(layout)
    if reason is not None:
        console.warn(f"{layout.name} is not usable: {reason}. It is taken away and made anew.")
        with console.step("cleaning up"):
            down(layout)
    if not layout.state_dir.exists():
        _found(layout, binaries, console)
    alive, known = nodes.running(layout), nodes.existing(layout)
    for number in known:
        if number not in alive:
            with console.step(f"removing the dead {layout.node_name(number)}"):
                Api(layout).delete(f"/api/v1/nodes/{layout.node_name(number)}")
                nodes.remove(layout, number)
    registry.up(layout)
    wanted = max(count, *known)
    for number in range(2, wanted + 1):
        if number not in alive:
            with console.step(f"{layout.node_name(number)} ({layout.node_ip(number)})"):
                _add_node(layout, number, binaries)
    _await_ready(layout, wanted, console)
    _note_programs(layout, binaries, console)


def _note_programs(layout: Layout, binaries: Binaries, console: Console) -> None:
    """Mark the cluster as finished; warn if a new cluster would have other programs or settings."""
    mark = layout.state_dir / COMPLETE
    settings = hashlib.sha256(render.kubelet(layout, 1).encode()).hexdigest()[:12]
    programs = f"{binaries.kubernetes.name} {binaries.cilium.name} {binaries.coredns.name}"
    current = f"{programs} kubelet-{settings}\n"
    if not mark.exists():
        mark.write_text(current)
    elif mark.read_text() != current:
        console.warn("this cluster has other versions or settings; `down` and `up` renew it")


def down(layout: Layout) -> None:
    """Remove every process, link, group and file of an instance, whole or partly made."""
    processes.end(layout.name)
    network.down(layout)
    cgroups.remove(layout)
    if layout.state_dir.exists():
        _remove_tree(layout.state_dir)
    nodes.remove_mount_points()
    with contextlib.suppress(OSError):
        STATE_ROOT.rmdir()  # fails while another instance has its folder there, as intended


def _remove_tree(path: Path) -> None:
    """Remove a state folder; its mounts may last a moment longer than the node's processes."""

    def attempt() -> bool:
        shutil.rmtree(path, ignore_errors=True)
        return not path.exists()

    wait_until(attempt, 20, f"removing {path}", every=0.2)


def _found(layout: Layout, binaries: Binaries, console: Console) -> None:
    """Make state folder, keys, network, registry and the first node with the control plane."""
    layout.state_dir.mkdir(parents=True)
    layout.state_dir.chmod(0o700)
    with console.step("keys, network and registry"):
        _together(lambda: pki.make(layout), lambda: network.up(layout))
        registry.up(layout)
        registry.push_static(layout, binaries)
    with console.step(f"{layout.node_name(1)} ({layout.node_ip(1)}) with the control plane"):
        _prepare_node(layout, 1, binaries)
        for service in (argv.etcd(layout, binaries), argv.api_server(layout, binaries)):
            nodes.start(layout, 1, service.name, service.argv, service.env)
        log = layout.node_dir(1) / "log" / "kube-apiserver.log"
        _await(Api(layout).ready, "the API server", log)
        for service in (
            *argv.controllers(layout, binaries),
            argv.cilium_operator(layout, binaries),
        ):
            nodes.start(layout, 1, service.name, service.argv, service.env)
        _start_workers(layout, 1, binaries)
        for item in dns.objects(layout):
            Api(layout).apply(item)


def _add_node(layout: Layout, number: int, binaries: Binaries) -> None:
    _prepare_node(layout, number, binaries)
    _start_workers(layout, number, binaries)


def _prepare_node(layout: Layout, number: int, binaries: Binaries) -> None:
    """Make namespaces and configuration files, and start containerd, which needs nothing else."""
    nodes.make(layout, number)
    pki.make_node(layout, number)
    folder = layout.node_dir(number)
    plugins = _plugin_folder(folder, binaries)
    snapshotter = "overlayfs" if overlay_works(folder) else "native"
    (folder / "containerd.toml").write_text(render.containerd(folder, plugins, snapshotter))
    for host in ("_default", "localhost:5001"):
        (folder / "registries" / host).mkdir(parents=True, exist_ok=True)
        (folder / "registries" / host / "hosts.toml").write_text(render.hosts_toml(layout))
    (folder / "kubelet.json").write_text(render.kubelet(layout, number))
    (folder / "kube-proxy.json").write_text(render.kube_proxy(layout, number))
    service = argv.containerd(layout, number)
    nodes.start(layout, number, service.name, service.argv, service.env)


def _plugin_folder(folder: Path, binaries: Binaries) -> Path:
    """Make the node's folder of CNI plugins, and cilium's folder of BPF sources."""
    plugins = folder / "cni-bin"
    plugins.mkdir(exist_ok=True)
    for source in (packages.loopback_plugin(), binaries.cilium / "cilium-cni"):
        (plugins / source.name).symlink_to(source)
    shutil.copytree(binaries.cilium / "bpf", folder / "cilium" / "bpf")
    return plugins


def _start_workers(layout: Layout, number: int, binaries: Binaries) -> None:
    clang = packages.clang_dir() or Path("/usr/bin")
    path = packages.tool_environment()
    for service in (
        argv.kubelet(layout, number, binaries),
        argv.kube_proxy(layout, number, binaries),
        argv.cilium_agent(layout, number, binaries, clang, path),
    ):
        nodes.start(layout, number, service.name, service.argv, service.env)


def _await_ready(layout: Layout, count: int, console: Console) -> None:
    """Wait until all nodes and CoreDNS are ready; give the first node its role label."""
    api = Api(layout)
    names = [layout.node_name(number) for number in range(1, count + 1)]
    log = layout.node_dir(1) / "log" / "cilium-agent.log"
    with console.step(f"waiting for {', '.join(names)} to be Ready"):
        _await(lambda: all(node_ready(api, name) for name in names), "nodes Ready", log)
        label = {"node-role.kubernetes.io/control-plane": ""}
        api.merge(f"/api/v1/nodes/{names[0]}", {"metadata": {"labels": label}})
    with console.step("waiting for CoreDNS"):
        _await(lambda: dns_ready(api), "CoreDNS", layout.node_dir(1) / "log" / "kubelet.log")


def node_ready(api: Api, name: str) -> bool:
    """Return whether a node is Ready, and Kubernetes has removed its not-ready taints.

    The taints go a moment after the condition changes; until then Kubernetes may evict pods
    scheduled on the node at once.
    """
    node = api.get(f"/api/v1/nodes/{name}") or {}
    conditions = node.get("status", {}).get("conditions", [])
    taints = {taint["key"] for taint in node.get("spec", {}).get("taints", [])}
    is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return is_ready and not taints & _NOT_READY_TAINTS


def dns_ready(api: Api) -> bool:
    """Return whether CoreDNS serves."""
    found = api.get(f"/apis/apps/v1/namespaces/{dns.NAMESPACE}/deployments/coredns")
    return bool((found or {}).get("status", {}).get("readyReplicas"))


def _await(condition: Callable[[], bool], what: str, log: Path) -> None:
    try:
        wait_until(condition, _READY_SECONDS, what)
    except DevClusterError as error:
        raise DevClusterError(f"{error}\n{tail(log)}\nwhole log: {log}") from error


def _together(*tasks: Callable[[], None]) -> None:
    """Run tasks at the same time; raise the first error after all have ended."""
    errors: list[BaseException] = []

    def guarded(task: Callable[[], None]) -> None:
        try:
            task()
        except DevClusterError as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(task,), daemon=True) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
