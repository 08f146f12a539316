"""The dummy server as a process on the machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from devstation.cluster import Cluster
from devstation.commands import ROOT
from devstation.errors import StationError

_SCRIPT = "simple_sio_server.py"
_LOOK_SECONDS = 0.1
_LOOKS = 200


class DummyServer:
    """A dummy server for the lifetime of its caller.

    Attributes:
        program: script and arguments, relative to the folder ``dummy_socketio_server``.
    """

    program: tuple[str, ...] = (_SCRIPT,)

    def __init__(self, cluster: Cluster, port: int, log: Path) -> None:
        """Take the port and the file for the server's output; ``start`` starts the process."""
        self.port = port
        self.log = log
        self._cluster = cluster
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """URL of the server, the same for pods and for the machine."""
        return f"http://{self._cluster.server_ip}:{self.port}"

    def start(self) -> None:
        """Start the server; return when the server listens. Raise StationError."""
        self._process = self._spawn()

    def _spawn(self, *, outlives: bool = False) -> subprocess.Popen[bytes]:
        address = self._cluster.server_ip
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *self.program, "--host", address, "--port", str(self.port)],
                cwd=ROOT / "dummy_socketio_server",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=outlives,
            )
        for _ in range(_LOOKS):
            if process.poll() is not None:
                break
            if _listens(address, self.port):
                return process
            time.sleep(_LOOK_SECONDS)
        process.kill()
        process.wait()
        last = "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])
        raise StationError(f"the dummy server did not start:\n{last}")

    def kill(self) -> None:
        """End a running server at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class BackgroundServer(DummyServer):
    """A dummy server that outlives its caller; a file in its folder has the process id."""

    def __init__(self, cluster: Cluster, port: int, folder: Path) -> None:
        """Keep the log and the process id in ``folder``."""
        super().__init__(cluster, port, folder / "dummy_server.log")
        self._pid_file = folder / "dummy_server.pid"

    def start(self) -> None:
        """Start the server, after the end of an earlier one. Raise StationError."""
        self.kill()
        self._pid_file.parent.mkdir(parents=True, exist_ok=True)
        process = self._spawn(outlives=True)
        self._pid_file.write_text(f"{process.pid}\n", encoding="ascii")

    def kill(self) -> None:
        """End a running server with SIGTERM, also after the end of its caller."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        for _ in range(_LOOKS):
            if self.pid() is None:
                return
            time.sleep(_LOOK_SECONDS)

    def pid(self) -> int | None:
        """Return the server's process id, if the process exists and is still the server."""
        with suppress(OSError, ValueError):
            pid = int(self._pid_file.read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            return pid if _SCRIPT.encode() in command else None
        return None


def _listens(address: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False
