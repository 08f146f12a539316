"""Faults between the node and other parts: the network, the server."""

from __future__ import annotations

import re
import signal
import time

from tests.faults.injectors import machine
from tests.faults.scene import DidNotStrikeError, Scene
from tests.faults.station import NODE_SCRIPT

# The node notices a dead connection after 25 s; the rest is for the runs themselves.
_NOTICED_SECONDS = 90.0
_CUT = "connection to the server lost"


def watch_cut_silently(scene: Scene) -> str:
    """Drop every packet of the node's open connections to the API server; new connections work.

    The rules stay until all results are there: the node must notice the fault by itself, and soon.
    """
    layout = scene.station.layout
    before, meanwhile = scene.parts(2)
    scene.send(before, (8, 12))
    scene.await_running(min(3, before))
    pid = machine.node_pid(layout, NODE_SCRIPT)
    if pid is None:
        raise DidNotStrikeError("the node's process was not found")
    ports = _ports_to(pid, f"{layout.api_service_ip}:443")
    if len(ports) < 2:
        raise DidNotStrikeError("the node has no watches")
    for port in ports:
        for chain, side in (("OUTPUT", "--sport"), ("INPUT", "--dport")):
            rule = (chain, "-p", "tcp", side, port, "-j", "DROP")
            machine.inside(pid, ["net"], "iptables", "-w", "-I", *rule)
    try:
        scene.send(meanwhile, (0, 3), over=5.0)
        scene.await_results(_NOTICED_SECONDS)
        left = [run_id for run_id in scene.runs if not scene.has_ended(run_id)]
        if left:
            raise AssertionError(f"{len(left)} runs had not ended after {_NOTICED_SECONDS:.0f} s")
    finally:
        if machine.node_pid(layout, NODE_SCRIPT) == pid:
            machine.inside(pid, ["net"], "iptables", "-w", "-F")
    return f"{len(ports)} open connections lost every packet until the results were there"


def _ports_to(pid: int, peer: str) -> list[str]:
    """Return the node's own ports of its open connections to an address."""
    told = machine.inside(pid, ["net"], "ss", "-tnH", "state", "established")
    return [
        mine.rpartition(":")[2]
        for mine, other in re.findall(r"(\S+:\d+)\s+(\S+:\d+)", told)
        if other == peer
    ]


def server_stopped(scene: Scene) -> str:
    """SIGKILL the server, which loses its memory, and start the server again later."""
    seconds = 10.0 if scene.hurry else 30.0
    server = scene.station.server
    before, meanwhile, after = scene.parts(3)
    scene.send(before, (0, 10))
    time.sleep(2.0)
    server.kill()
    try:
        scene.send(meanwhile, (0, 3))  # the emitter keeps these runs until there is a server
        time.sleep(seconds)
    finally:
        server.start()
    scene.send(after, (0, 3), over=1.0)
    return f"the server's process was away for {seconds:.0f} s and had forgotten all runs"


def server_flapping(scene: Scene) -> str:
    """Cut all connections to the server each second."""
    cuts = 8 if scene.hurry else 30
    lost_before = scene.station.count_in_log(_CUT)
    for count in scene.parts(cuts):
        scene.send(count, (0, 4))
        scene.station.server.signal(signal.SIGUSR1)
        time.sleep(1.0)

    def lost() -> int:
        return scene.station.count_in_log(_CUT) - lost_before

    scene.strike_seen(lambda: lost() >= 2, "the node loses its own connection twice")
    return f"{cuts} times every connection was cut; the node lost its own {lost()} times"
