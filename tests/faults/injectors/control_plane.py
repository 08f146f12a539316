"""Faults of API server, etcd, container runtime and of a whole machine of the cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from devcluster import builds, cluster, nodes, processes, profiles
from devcluster.errors import DevClusterError
from devcluster.kube import Api
from devcluster.layout import Layout
from devstation import ROOT, wait_for
from tests.faults.injectors import machine
from tests.faults.matrix import Expected, RunSeen
from tests.faults.scene import DidNotStrikeError, Scene
from tests.faults.station import INSIDE, NODE_SCRIPT

_API = "kube-apiserver"
_EXPIRED = "watch expired"
_LOST = Expected("failed", "NodeLost")
_OUT_OF_SIGHT = Expected("failed", "ContainerLost")


@contextmanager
def api_server_away(layout: Layout) -> Iterator[None]:
    """Stop the API server; afterwards start it, and wait until it is ready."""
    nodes.ask(layout, 1, {"stop": _API})
    try:
        time.sleep(1.0)  # it ends its watches properly, as on a planned restart
        machine.kill(machine.service_pids(layout, 1, _API))
        yield
    finally:
        service = cluster.api_server(layout, profiles.of(layout), builds.located())
        nodes.start(layout, 1, service.name, service.argv, service.env)
        wait_for(Api(layout).ready, "the API server is ready again")


def api_server_stopped(scene: Scene) -> str:
    """Stop the API server for a minute; post runs before, during and after the outage."""
    seconds = 15.0 if scene.hurry else 60.0
    layout = scene.station.layout
    before, meanwhile, after = scene.parts(3)
    scene.send(before, (0, 10), over=2.0)
    with api_server_away(layout):
        began = time.monotonic()
        if Api(layout).ready():
            raise DidNotStrikeError("the API server still answers")
        scene.send(meanwhile, (0, 3), over=seconds / 2)
        time.sleep(max(0.0, seconds - (time.monotonic() - began)))
    scene.send(after, (0, 3), over=1.0)
    return f"the API server's process was away for {seconds:.0f} s"


def etcd_compacted(scene: Scene) -> str:
    """Remove the history from which the node's watches would resume.

    The API server is frozen while etcd is compacted and restarted. So the API server cannot resume
    either: it starts from new lists and ends its clients' watches, and a client that resumes its
    watch asks for an expired version and gets 410. The node stays frozen until the API server has
    these lists: before, the node would learn that the API server is not ready, and list without a
    410.
    """
    before, meanwhile, after = scene.parts(3)
    scene.send(before, (0, 10), over=2.0)
    scene.await_running(1)
    expired_before = scene.station.count_in_log(_EXPIRED)
    revision = _lose_history(scene, meanwhile)
    scene.send(after, (0, 3), over=1.0)
    scene.strike_seen(
        lambda: scene.station.count_in_log(_EXPIRED) > expired_before,
        "a watch of the node gets 410",
    )
    return f"etcd compacted at revision {revision}; a watch of the node was answered with 410"


def _lose_history(scene: Scene, runs: int) -> str:
    """Freeze, compact and restart, while runs are posted; return etcd's revision."""
    layout = scene.station.layout
    pid = machine.node_pid(layout, NODE_SCRIPT)
    assert pid is not None, "the node's process was not found"
    server = machine.service_pids(layout, 1, _API)
    machine.send(server, signal.SIGSTOP)
    try:
        scene.send(runs, (0, 3), over=1.0)
        revision = _compact(layout)
        old = machine.service_pids(layout, 1, "etcd")
        machine.kill(old)
        wait_for(lambda: set(machine.service_pids(layout, 1, "etcd")) - set(old), "etcd is back")
        time.sleep(1.0)
        machine.send([pid], signal.SIGSTOP)
        machine.send(server, signal.SIGCONT)
        time.sleep(1.0)
        wait_for(lambda: _lists_from_memory(layout), "the API server has its lists again")
        time.sleep(2.0)
    finally:
        machine.send([pid, *server], signal.SIGCONT)
    return revision


def _lists_from_memory(layout: Layout) -> bool:
    """Return whether the API server answers from its memory, as watches need it."""
    with suppress(DevClusterError):
        api = Api(layout)
        for path in ("/api/v1/pods", "/apis/batch/v1/jobs"):
            api.call("GET", f"{path}?limit=1&resourceVersion=0")
        return api.ready()
    return False


def _compact(layout: Layout) -> str:
    pid = processes.init_of(layout.name, layout.node_name(1))
    assert pid is not None
    script = (sys.executable, INSIDE / "compact_etcd.py", layout.pki_dir)
    return machine.inside(pid, ["net"], *script).strip()


def containerd_restarted(scene: Scene) -> str:
    """SIGKILL containerd on every cluster node while containers start, run and end.

    Nobody knows how a container ended at that moment: containerd forgets the exit code, and reports
    "Unknown".
    """
    layout = scene.station.layout
    killed: set[int] = set()
    scene.expected = lambda _: (Expected(), _OUT_OF_SIGHT)
    before, meanwhile, after = scene.parts(3)
    scene.send(before, (0, 6), over=1.0)
    for count in (meanwhile, after):
        scene.send(count, (0, 6), over=1.0)
        for number in nodes.running(layout):
            pids = machine.service_pids(layout, number, "containerd")
            machine.kill(pids)
            killed |= set(pids)
        time.sleep(5.0)
    if len(killed) < 2:
        raise DidNotStrikeError("containerd was not found")
    return f"SIGKILL to {len(killed)} containerd processes"


def worker_lost(scene: Scene) -> str:
    """End a whole cluster node with runs on it; the node never comes back as it was."""
    layout = scene.station.layout
    victim = layout.node_name(2)
    before, meanwhile, after = scene.parts(3)
    scene.send(before, (25, 30))
    scene.await_running(before)
    on_victim = {r for r in scene.pods.running() if scene.pods.place_of(r) == victim}
    if not on_victim & set(scene.runs):
        raise DidNotStrikeError(f"no run was on {victim}")

    def expected(run: RunSeen) -> tuple[Expected, ...]:
        if run.run_id in on_victim:
            return (_LOST,)
        # Kubernetes may still choose the node for later runs, until it knows of the loss.
        late = scene.pods.place_of(run.run_id) == victim
        return (_LOST,) if late else (Expected(),)

    scene.expected = expected
    try:
        processes.end(layout.name, victim)
        scene.send(meanwhile, (0, 3), over=20.0)
        scene.await_results(240)
        scene.send(after, (0, 3), over=1.0)
        scene.await_results()
    finally:
        _bring_back(layout)
    return f"{len(on_victim & set(scene.runs))} runs were on {victim} when it ended for good"


def _bring_back(layout: Layout) -> None:
    argv = [sys.executable, "-m", "devcluster", "up", "--nodes", "2"]
    environment = {**os.environ, "DEVCLUSTER_INDEX": str(layout.index)}
    subprocess.run(argv, cwd=ROOT, env=environment, check=True, capture_output=True)
