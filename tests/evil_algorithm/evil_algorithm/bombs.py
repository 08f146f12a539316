"""Attacks on shared resources: processor, memory, disk, log, and the patience at a run's end."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

_LINE = "x" * 1000


def memory() -> None:
    """Take memory until somebody ends the process."""
    kept = []
    while True:
        kept.append(bytearray(b"x") * (8 << 20))


def log(megabytes: int) -> None:
    """Print many megabytes, with control characters among them."""
    for _ in range(megabytes * 1000):
        os.write(1, f"{_LINE}\x1b[2J\n".encode())


def disk(folder: Path, megabytes: int) -> None:
    """Fill a folder, then wait to be ended."""
    with (folder / "large").open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1 << 20))
            file.flush()
    time.sleep(600)


def processor(seconds: float) -> None:
    """Compute in eight processes."""
    ends = time.monotonic() + seconds
    for _ in range(3):
        os.fork()
    while time.monotonic() < ends:
        pass


def deaf(seconds: float) -> None:
    """Go on in spite of every signal that a process may ignore."""
    for number in signal.Signals:
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(0.1)
