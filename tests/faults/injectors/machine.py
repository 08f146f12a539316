"""Access to the dev cluster's machines: their processes, as this machine sees them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from devcluster import processes
from devcluster.layout import Layout


def run(*argv: str | Path) -> str:
    """Run a program; return its output. Raise CalledProcessError."""
    done = subprocess.run([*map(str, argv)], check=True, capture_output=True, text=True)
    return done.stdout


def inside(pid: int, namespaces: Sequence[str], *argv: str | Path) -> str:
    """Run a program in a process's namespaces (``net``, ``mount``)."""
    return run("nsenter", f"--target={pid}", *(f"--{name}" for name in namespaces), "--", *argv)


def service_pids(layout: Layout, number: int, program: str) -> list[int]:
    """Return the processes of a service of a cluster node, by the program's name."""
    role = layout.node_name(number)
    return [p.pid for p in processes.find(layout.name, role) if _program(p.pid) == program]


def kill(pids: Sequence[int]) -> None:
    """SIGKILL processes; processes that are already gone are no error."""
    send(pids, signal.SIGKILL)


def send(pids: Sequence[int], number: int) -> None:
    """Send a signal to processes; processes that are already gone are no error."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def node_pid(layout: Layout, script: str) -> int | None:
    """Return the node's process in its pod on this dev cluster, None if the node is away.

    Args:
        layout: the dev cluster.
        script: the script that started the node, as on its command line.
    """
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or script not in _command(int(folder.name)):
            continue
        with suppress(OSError):
            if f"/{layout.name}/" in (folder / "cgroup").read_text():
                return int(folder.name)
    return None


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _program(pid: int) -> str:
    return Path(_command(pid)[0]).name if _command(pid) else ""
