"""Make a cluster, add nodes, replace dead nodes, and remove everything."""

import contextlib
import fcntl
import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from devcluster import (
    audit,
    cgroups,
    dns,
    network,
    nodes,
    pki,
    processes,
    profiles,
    registry,
    render,
)
from devcluster import services as argv
from devcluster.build_settings import overlay_works
from devcluster.builds import Binaries
from devcluster.console import Console
from devcluster.errors import DevClusterError
from devcluster.kube import Api
from devcluster.layout import STATE_ROOT, Layout
from devcluster.parts import PAUSE, RUNC
from devcluster.profiles.base import Profile
from devcluster.services import Service
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


def up(layout: Layout, count: int, profile: Profile, binaries: Binaries, console: Console) -> None:
    """Bring the cluster to at least ``count`` nodes, all Ready.

    Args:
        layout: the instance.
        count: how many nodes.
        profile: the profile, which is the existing cluster's if there is one.
        binaries: the folders of the programs.
        console: for the user.

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
        _found(layout, profile, binaries, console)
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
                _add_node(layout, number, profile, binaries)
    _await_ready(layout, wanted, profile, console)
    _note_programs(layout, profile, binaries, console)


def _note_programs(layout: Layout, profile: Profile, binaries: Binaries, console: Console) -> None:
    """Mark the cluster as finished; warn if a new cluster would have other programs or settings."""
    mark = layout.state_dir / COMPLETE
    root = Path("/")
    texts = render.kubelet(layout, 1) + render.containerd(root, root, "", root) + audit.policy()
    settings = hashlib.sha256(texts.encode()).hexdigest()[:12]
    programs = [binaries.folder(part).name for part in profile.parts if part is not PAUSE]
    current = f"{' '.join(programs)} kubelet-{settings}\n"
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


def api_server(layout: Layout, profile: Profile, binaries: Binaries) -> Service:
    """Return the API server's service for the profile's datastore."""
    return argv.api_server(layout, binaries, profile.datastore(layout, binaries))


def _found(layout: Layout, profile: Profile, binaries: Binaries, console: Console) -> None:
    """Make state folder, keys, network, registry and the first node with the control plane."""
    layout.state_dir.mkdir(parents=True)
    layout.state_dir.chmod(0o700)
    profiles.record(layout, profile)
    with console.step("keys, network and registry"):
        _together(lambda: pki.make(layout), lambda: network.up(layout))
        registry.up(layout)
        for image in profile.images:
            program = binaries.folder(image.part) / image.name
            registry.push_program(layout, image.name, image.part.version, program)
    with console.step(f"{layout.node_name(1)} ({layout.node_ip(1)}) with the control plane"):
        _prepare_node(layout, 1, profile, binaries)
        audit.policy_file(layout).write_text(audit.policy())
        datastore = profile.datastore(layout, binaries).service
        _start(layout, 1, datastore, api_server(layout, profile, binaries))
        log = layout.node_dir(1) / "log" / "kube-apiserver.log"
        _await(Api(layout).ready, "the API server", log)
        services = (
            *argv.controllers(layout, binaries),
            *profile.control_services(layout, binaries),
        )
        _start(layout, 1, *services)
        _start_workers(layout, 1, profile, binaries)
        for item in (*dns.objects(layout), *render.runtime_classes(), *profile.objects(layout)):
            Api(layout).apply(item)


def _add_node(layout: Layout, number: int, profile: Profile, binaries: Binaries) -> None:
    _prepare_node(layout, number, profile, binaries)
    _start_workers(layout, number, profile, binaries)


def _prepare_node(layout: Layout, number: int, profile: Profile, binaries: Binaries) -> None:
    """Make namespaces and configuration files, and start containerd, which needs nothing else."""
    profile.join(layout, number, nodes.make(layout, number))
    pki.make_node(layout, number)
    folder = layout.node_dir(number)
    plugins = profile.plugins(folder, binaries)
    snapshotter = "overlayfs" if overlay_works(folder) else "native"
    runc = binaries.folder(RUNC) / "runc"
    (folder / "containerd.toml").write_text(render.containerd(folder, plugins, snapshotter, runc))
    (folder / render.PLAIN_RUNTIME).write_text(render.plain_runtime(runc))
    (folder / render.PLAIN_RUNTIME).chmod(0o755)
    (folder / f"{render.SANDBOX_HANDLER}.toml").write_text(render.sandbox_runtime())
    for host in ("_default", "localhost:5001"):
        (folder / "registries" / host).mkdir(parents=True, exist_ok=True)
        (folder / "registries" / host / "hosts.toml").write_text(render.hosts_toml(layout))
    (folder / "kubelet.json").write_text(render.kubelet(layout, number))
    (folder / "kube-proxy.json").write_text(render.kube_proxy(layout, number))
    _start(layout, number, argv.containerd(layout, number, binaries))


def _start_workers(layout: Layout, number: int, profile: Profile, binaries: Binaries) -> None:
    profile.announce(Api(layout), layout, number)
    own = profile.node_services(layout, number, binaries)
    kubelet = argv.kubelet(layout, number, binaries)
    _start(layout, number, kubelet, argv.kube_proxy(layout, number, binaries), *own)


def _start(layout: Layout, number: int, *services: Service) -> None:
    for service in services:
        nodes.start(layout, number, service.name, service.argv, service.env)


def _await_ready(layout: Layout, count: int, profile: Profile, console: Console) -> None:
    """Wait until all nodes and CoreDNS are ready; give the first node its role label."""
    api = Api(layout)
    names = [layout.node_name(number) for number in range(1, count + 1)]
    log = layout.node_dir(1) / "log" / f"{profile.network_service}.log"
    with console.step(f"waiting for {', '.join(names)} to be Ready"):
        _await(lambda: all(node_ready(api, name) for name in names), "nodes Ready", log)
        label = {"node-role.kubernetes.io/control-plane": ""}
        api.merge(f"/api/v1/nodes/{names[0]}", {"metadata": {"labels": label}})
    with console.step("waiting for CoreDNS"):
        _await(lambda: dns_ready(api), "CoreDNS", layout.node_dir(1) / "log" / "kubelet.log")


def node_ready(api: Api, name: str) -> bool:
    """Return whether a node is Ready, and Kubernetes has removed its not-ready taints."""
    return node_trouble(api, name) is None


def node_trouble(api: Api, name: str) -> str | None:
    """Return why a node is not ready; None if the node is ready.

    Kubernetes removes the not-ready taints a moment after the condition changes; until then
    Kubernetes may evict pods scheduled on the node at once.
    """
    node = api.get(f"/api/v1/nodes/{name}")
    if node is None:
        return "the API server does not know the node"
    conditions = node.get("status", {}).get("conditions", [])
    ready = next((c for c in conditions if c["type"] == "Ready"), None)
    if ready is None or ready["status"] != "True":
        return (ready or {}).get("message") or "the kubelet has not reported yet"
    taints = [f"{taint['key']}:{taint['effect']}" for taint in node["spec"].get("taints", [])]
    left = [taint for taint in taints if taint.partition(":")[0] in _NOT_READY_TAINTS]
    return f"Kubernetes has not removed the taint {left[0]}" if left else None


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
