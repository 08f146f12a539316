"""The node's disk is full; the node's clock is wrong."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from devcluster import processes
from tests.faults.injectors import machine
from tests.faults.scene import DidNotStrikeError, Scene
from tests.faults.station import FIRST_NODE, FaultStation

_SIZE = "16m"
_HOUR = 3600


def _put_small_disk(scene: Scene) -> Path:
    """Mount a small file system over task_dir on the first cluster node, and send all runs there.

    Return the file system's path as this machine sees it. The mount goes when the runs have been
    judged.
    """
    station = scene.station
    layout, tasks, kubectl = station.layout, station.tasks, station.cluster.kubectl
    pid = processes.init_of(layout.name, layout.node_name(1))
    assert pid is not None
    others = set(kubectl("get", "nodes", "-o", "name").split()) - {f"node/{FIRST_NODE}"}

    def take_away() -> None:
        for other in others:
            kubectl("uncordon", other)
        station.tasks_seen = tasks
        machine.inside(pid, ["mount", "pid"], "umount", "--lazy", tasks)
        station.renew_node()  # else its pod would stay on the small disk, unlike its runs' pods

    scene.afterwards.append(take_away)
    options = f"size={_SIZE},mode=0755"
    machine.inside(pid, ["mount", "pid"], "mount", "-t", "tmpfs", "-o", options, "tmpfs", tasks)
    for other in others:
        kubectl("cordon", other)
    station.tasks_seen = Path(f"/proc/{pid}/root{tasks}")
    station.renew_node()
    return station.tasks_seen


def disk_full(scene: Scene) -> str:
    """Fill task_dir while runs come, run and end; make room later.

    A run that the node refuses meanwhile gets the reason, and is posted again when there is room.
    """
    seconds = 8.0 if scene.hurry else 20.0
    before, meanwhile, after = scene.parts(3)
    fill = _put_small_disk(scene) / "fill"
    scene.send(before, (8, 12), over=1.0)
    scene.await_running(min(3, before))
    _fill(fill)
    try:
        scene.send(meanwhile, (0, 3), over=2.0)
        time.sleep(seconds)
        told = scene.refused()
    finally:
        fill.unlink()
    if not told or not all("cannot write" in reason for reason in told.values()):
        raise DidNotStrikeError(f"not refused for the disk: {sorted(set(told.values()))}")
    for run_id in told:
        scene.send_again(run_id)
    scene.send(after, (0, 3), over=1.0)
    return f"no byte was free for {seconds:.0f} s; {len(told)} runs were refused, and sent again"


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)


def clock_stepped(scene: Scene) -> str:
    """Step the node's clock by an hour forth and back, and then back and forth."""
    station = scene.station
    station.set_clock("+0")
    station.renew_node(stepped_clock=True)
    scene.afterwards.append(lambda: station.set_clock("+0"))
    scene.afterwards.append(lambda: station.renew_node(stepped_clock=False))
    steps = (_HOUR, 0, -_HOUR, 0)
    for count, offset in zip(scene.parts(len(steps)), steps, strict=True):
        scene.send(count - count // 2, (4, 6))
        scene.await_running(1)
        station.set_clock(f"{offset:+d}")
        scene.send(count // 2, (0, 4), over=1.0)
        scene.strike_seen(lambda o=offset: _is_stepped(station, o), f"the clock is {offset} s off")
    return "the node's own log showed times of +1 h, 0, -1 h and 0"


def _is_stepped(station: FaultStation, offset: int) -> bool:
    *_, last = [line for line in station.node_log().splitlines() if line.startswith("{")]
    shown = datetime.fromisoformat(json.loads(last)["timestamp"])
    return abs((shown - datetime.now(UTC)).total_seconds() - offset) < 120
