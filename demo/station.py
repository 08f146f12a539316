"""The demo's data station: folders, dummy server, node and proxy on the cluster."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from demo.readiness import wait_ready
from demo.tools import ROOT, DemoError, existing_context, kubectl, read, run

HOME = Path("/var/lib/vantage6-node")
TASKS = HOME / "tasks"
DATA = HOME / "csv" / "employees.csv"
SERVER_FILES = HOME / "demo"
NAMESPACE = "v6-jobs"
PORT = 5000
_SERVER_PID = SERVER_FILES / "dummy_server.pid"
_SERVER_LOG = SERVER_FILES / "dummy_server.log"
_ROLLOUT = "--timeout=180s"
_PROXY_LOOKS = 40
# The values in the YAML files; an existing cluster has its own.
_DEV_REGISTRY, _DEV_SERVER = "localhost:5001/", "http://172.30.0.1"


def place_data() -> None:
    """Copy the example data to the database's path in node_config.yaml."""
    try:
        DATA.parent.mkdir(parents=True, exist_ok=True)
        TASKS.mkdir(parents=True, exist_ok=True)
        SERVER_FILES.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / "csv" / "employees.csv", DATA)
    except PermissionError as error:
        raise DemoError(f"{error.filename}: not writable; run the demo as root") from error
    print(f"    {DATA}")


def start_server(address: str) -> None:
    """Start the dummy server and leave it running; end the server of an earlier demo first."""
    stop_server()
    with _SERVER_LOG.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "simple_sio_server.py", "--host", address, "--port", str(PORT)],
            cwd=ROOT / "dummy_socketio_server",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _SERVER_PID.write_text(f"{process.pid}\n", encoding="ascii")
    for _ in range(100):
        if _listens(address):
            print(f"    on {address}:{PORT}, process {process.pid}, log {_SERVER_LOG}")
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    last = "\n".join(_SERVER_LOG.read_text(errors="replace").splitlines()[-5:])
    raise DemoError(f"the dummy server did not start:\n{last}")


def stop_server() -> None:
    """End the dummy server that ``start_server`` left running."""
    pid = _server_process()
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    for _ in range(50):
        if _server_process() is None:
            break
        time.sleep(0.1)
    print(f"    dummy server ended (process {pid})")


def _server_process() -> int | None:
    """Return the server's process id, if the process exists and is still the server."""
    with suppress(OSError, ValueError):
        pid = int(_SERVER_PID.read_text(encoding="ascii"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        return pid if b"simple_sio_server" in command else None
    return None


def _listens(address: str) -> bool:
    with suppress(OSError), socket.create_connection((address, PORT), timeout=1):
        return True
    return False


@contextmanager
def _manifests(registry: str, server: str) -> Iterator[tuple[Path, Path]]:
    """Yield the YAML files to apply: unchanged, or with the addresses of an existing cluster."""
    node, proxy = ROOT / "node_poc" / "kubeconfs", ROOT / "dummy_proxy"
    if existing_context() is None:
        yield node, proxy
        return
    with tempfile.TemporaryDirectory() as folder:
        for source in (node, proxy):
            target = Path(folder) / source.name
            target.mkdir()
            for path in source.glob("*.yaml"):
                text = path.read_text(encoding="utf-8")
                text = text.replace(_DEV_REGISTRY, f"{registry}/")
                text = text.replace(_DEV_SERVER, f"http://{server}")
                (target / path.name).write_text(text, encoding="utf-8")
        yield Path(folder) / node.name, Path(folder) / proxy.name


def deploy(registry: str, server: str) -> None:
    """Apply the node's and the proxy's YAML files and wait until both are ready."""
    before = read(
        kubectl("get", "deployments", "-n", NAMESPACE, "-o", "name", "--ignore-not-found")
    )
    with _manifests(registry, server) as (node, proxy):
        run(kubectl("apply", "-f", str(node)))
        run(kubectl("apply", "-f", str(proxy / "proxy_pod_deployment.yaml")))
    if before.strip():  # only a new pod takes a new image under the old tag
        run(kubectl("-n", NAMESPACE, "rollout", "restart", "deployment"))
    wait_ready(NAMESPACE, "v6proxy", "v6-node")


def proxy_outbound() -> str:
    """Return the proxy's line about outbound traffic; the proxy may need some attempts to know."""
    for _ in range(_PROXY_LOOKS):
        text = read(kubectl("-n", NAMESPACE, "logs", "deployment/v6proxy"))
        lines = [line for line in text.splitlines() if "outbound traffic:" in line]
        if lines:
            return lines[0]
        time.sleep(1)
    return "the proxy's log says nothing of outbound traffic"


def remove() -> None:
    """Remove the namespace and the demo's folders."""
    run(kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", _ROLLOUT))
    for folder in (TASKS, DATA.parent, SERVER_FILES):
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        HOME.rmdir()
