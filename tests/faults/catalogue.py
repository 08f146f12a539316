"""All faults, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.injectors import connections, control_plane, resources
from tests.faults.injectors.kills import killed_at
from tests.faults.scene import Scene


@dataclass(frozen=True)
class Fault:
    """A fault of the station.

    Attributes:
        name: for ``--only``.
        title: for the table.
        inject: sends the runs, makes the fault, ends it; returns the proof of the fault.
        in_sample: whether ``--quick`` includes the fault.
    """

    name: str
    title: str
    inject: Callable[[Scene], str]
    in_sample: bool = True


_KILLS = {
    "command-received": "the command was received",
    "record-written": "the run's record was written",
    "before-job": "before the Job is made",
    "after-job": "after the Job was made",
    "before-pod-runs": "before the pod runs",
    "running": "while the container runs",
    "ended": "the container ended, nothing collected",
    "result-written": "the result was written, not sent",
    "sent": "the result was sent, its acknowledgement not seen",
    "acknowledged": "acknowledged, the Job not marked",
}

# The sample has five minutes: it has the kills for which the files on the disk matter most.
_SAMPLE = {"after-job", "result-written", "sent"}

FAULTS = (
    *(
        Fault(f"kill-{n}", f"SIGKILL to the node: {t}", killed_at(n), in_sample=n in _SAMPLE)
        for n, t in _KILLS.items()
    ),
    Fault("api-server", "API server stopped, started again", control_plane.api_server_stopped),
    Fault("compaction", "etcd compacted, watch gets 410", control_plane.etcd_compacted),
    Fault("watch-cut", "watches cut silently (packets dropped)", connections.watch_cut_silently),
    Fault("server", "dummy server killed, started again later", connections.server_stopped),
    Fault("flapping", "Socket.IO flapping each second", connections.server_flapping),
    Fault("containerd", "containerd killed and restarted", control_plane.containerd_restarted),
    Fault("disk-full", "task_dir full, room again later", resources.disk_full),
    Fault("clock", "node's clock stepped by an hour, both ways", resources.clock_stepped),
    Fault("worker", "a cluster node lost for good", control_plane.worker_lost, in_sample=False),
)
