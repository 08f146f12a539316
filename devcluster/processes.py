"""The cluster's processes: they outlive the command, and are found again without records.

Each process has its instance and role in its environment. Even a partly made cluster, or a cluster
whose command was killed between starting a process and recording its id, can be removed completely.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster.errors import DevClusterError
from devcluster.packages import tool_environment

INSTANCE_VARIABLE = "V6_DEVCLUSTER_INSTANCE"
ROLE_VARIABLE = "V6_DEVCLUSTER_ROLE"


@dataclass(frozen=True, slots=True)
class Process:
    """A running process of a cluster.

    Args:
        pid: its id on the host.
        role: its owner: ``switch``, ``registry`` or a node's name.
        is_init: whether it is process 1 of its own process namespace.
    """

    pid: int
    role: str
    is_init: bool


def start(
    instance: str,
    role: str,
    argv: Sequence[str | Path],
    log: Path,
    env: Mapping[str, str] | None = None,
) -> None:
    """Start a process that outlives this command.

    Args:
        instance: the cluster's name.
        role: see ``Process``.
        argv: program and arguments.
        log: file for its output (appended).
        env: variables beside this process's own.

    Raises:
        DevClusterError: setsid failed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    marks = {INSTANCE_VARIABLE: instance, ROLE_VARIABLE: role, "PATH": tool_environment()}
    with log.open("a") as stream:
        # --fork: init is the parent from the start, and reaps the process.
        result = subprocess.run(
            ["setsid", "--fork", *map(str, argv)],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env={**os.environ, **marks, **(env or {})},
            cwd="/",
            check=False,
        )
    if result.returncode != 0:
        raise DevClusterError(f"setsid could not start {argv[0]} (exit code {result.returncode})")


def find(instance: str, role: str | None = None) -> list[Process]:
    """Return the living processes of an instance, or of one role in the instance."""
    mark = f"{INSTANCE_VARIABLE}={instance}"
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        variables = _environment(folder)
        if mark not in variables:
            continue
        own = next((v for v in variables if v.startswith(ROLE_VARIABLE + "=")), "=")
        process = Process(int(folder.name), own.split("=", 1)[1], _is_init(folder))
        if role is None or process.role == role:
            found.append(process)
    return found


def init_of(instance: str, role: str) -> int | None:
    """Return the host's id of a node's process 1, or None if the node is not running."""
    return next((process.pid for process in find(instance, role) if process.is_init), None)


def end(instance: str, role: str | None = None, seconds: float = 20.0) -> None:
    """Kill the processes of an instance (or of a role) and wait until they have ended.

    Process 1 of a node takes all processes of the node with it, containers included.

    Raises:
        DevClusterError: some processes still exist after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while victims := find(instance, role):
        for process in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            numbers = ", ".join(str(process.pid) for process in victims)
            raise DevClusterError(f"processes that cannot be killed: {numbers}")
        time.sleep(0.05)


def _environment(folder: Path) -> list[str]:
    """Return a process's environment; empty for a zombie, a kernel thread or an ended process."""
    try:
        return (folder / "environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _is_init(folder: Path) -> bool:
    try:
        lines = (folder / "status").read_text().splitlines()
    except OSError:
        return False
    numbers = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    return len(numbers) == 2 and numbers[-1] == "1"
