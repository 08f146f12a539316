"""Programs of the project as processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The kubelet kills the node this long after SIGTERM (node_pod_config.yaml).
END_SECONDS = 15.0


class Process:
    """A Python program whose output goes to a file."""

    def __init__(self, arguments: list[str], log_file: Path, **environment: str) -> None:
        self._log_file = log_file
        self._begin = log_file.stat().st_size if log_file.exists() else 0
        clean = {key: value for key, value in os.environ.items() if not key.startswith("KUBE")}
        with log_file.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-u", *arguments],
                cwd=ROOT,
                env=clean | {"PYTHONFAULTHANDLER": "1"} | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        """Return the output of this process so far."""
        return self._log_file.read_bytes()[self._begin :].decode("utf-8", "replace")

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Return whether the process still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill the process; harmless after its end."""
        self._process.kill()
        self._process.wait()

    def wait(self, seconds: float) -> int:
        """Wait until the process ends by itself, and return its exit code."""
        return self._process.wait(timeout=seconds)

    def send(self, number: int) -> None:
        """Send the process a signal."""
        self._process.send_signal(number)

    def terminate(self) -> int:
        """Send SIGTERM, and return the exit code. A process that goes on shows its threads."""
        self.send(signal.SIGTERM)
        try:
            return self._process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGABRT)  # faulthandler writes what each thread does
            self._process.wait(timeout=END_SECONDS)
            raise AssertionError(f"not ended by SIGTERM:\n{self.log[-20_000:]}") from None
