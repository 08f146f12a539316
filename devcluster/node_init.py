"""Process 1 of a cluster node: prepares its file system view, then keeps its services running.

The program runs in the node's new namespaces as ``python3 -m devcluster.node_init SPEC``, where
SPEC is the JSON text of ``Spec``. The command line sends requests over a Unix socket in the node's
folder, one JSON object per connection: ``{"start": {"name", "argv", "env", "log"}}``, ``{"stop":
name}`` or ``{"list": {}}``. The program restarts a service that ends, as systemd would.
"""

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from devcluster.parts import MODULES_FILE
from devcluster.shell import run

SOCKET = "init.sock"
#: Seconds before the restart of a service that ended.
RESTART_DELAY = 1.0
#: Modules that cilium requires in the list of loaded modules; without a list, they are built in.
_MODULES = (
    "ip_tables iptable_nat iptable_mangle iptable_raw iptable_filter ip6_tables"
    " xt_socket xt_set ip_set"
)
#: Settings of the whole machine that the kubelet and cilium would change: the node gets copies.
_MACHINE_SETTINGS = ("/proc/sys/kernel", "/proc/sys/vm")


@dataclass(frozen=True, slots=True)
class Spec:
    """The parameters of a node's process 1.

    Args:
        hostname: the node's name.
        folder: the node's folder.
        binds: (the node's folder, the covered path) pairs.
    """

    hostname: str
    folder: str
    binds: tuple[tuple[str, str], ...]

    def text(self) -> str:
        """Return the spec as JSON."""
        return json.dumps(asdict(self))


@dataclass(slots=True)
class Service:
    """A supervised program; ``due`` is the time of the next start (monotonic seconds)."""

    argv: list[str]
    env: dict[str, str]
    log: str
    process: "subprocess.Popen[bytes] | None" = None
    due: float = 0.0
    restarts: int = 0
    #: False after ``stop``.
    wanted: bool = field(default=True)

    def start(self) -> None:
        """Start the program and append its output to its log."""
        with Path(self.log).open("ab") as stream:
            self.process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env={**os.environ, **self.env},
            )


def prepare(spec: Spec) -> None:
    """Give this mount namespace the node's own /run, /sys, BPF and kubelet folders.

    Raises:
        CommandError: a mount failed.
    """
    socket.sethostname(spec.hostname)
    resolver = Path("/etc/resolv.conf").resolve()
    # A fresh sysfs shows this network namespace's links. The cgroups are the host's own mounts, so
    # any layout (v1, v2, mixed) stays as on the host.
    keep = Path(spec.folder) / "cgroup-keep"
    keep.mkdir(exist_ok=True)
    run(["mount", "--rbind", "/sys/fs/cgroup", keep])
    run(["umount", "-R", "-l", "/sys"])
    run(["mount", "-t", "sysfs", "sysfs", "/sys"])
    run(["mount", "--rbind", keep, "/sys/fs/cgroup"])
    run(["umount", "-R", "-l", keep])
    run(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"])
    run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"])
    for source, place in spec.binds:
        run(["mount", "--bind", source, place])
    if resolver.exists() or resolver.is_relative_to("/run"):
        _cover_resolver(Path(spec.folder) / "resolv.conf", resolver)
    for place in _MACHINE_SETTINGS:
        _cover_with_copy(Path(place), Path("/run/v6-devcluster") / Path(place).name)
    _list_modules(Path(MODULES_FILE))
    _mount_bare_proc(Path("/run/v6-devcluster/proc"))
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    # Volumes mounted by the kubelet must be visible in containers, as on a machine with systemd.
    run(["mount", "--make-rshared", "/"])


def _cover_resolver(own: Path, resolver: Path) -> None:
    resolver.parent.mkdir(parents=True, exist_ok=True)
    resolver.touch()
    run(["mount", "--bind", own, resolver])


def _cover_with_copy(settings: Path, copy: Path) -> None:
    """Hide a folder of kernel settings behind a copy, so that writes change nothing."""
    for source in settings.rglob("*"):
        target = copy / source.relative_to(settings)
        try:
            if source.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
        except OSError:
            continue  # some settings are write-only
    run(["mount", "--bind", copy, settings])


def _mount_bare_proc(place: Path) -> None:
    """Mount a /proc without covered folders.

    Otherwise pods with a user namespace of their own (``hostUsers: false``) cannot start: the
    kernel lets a user namespace mount /proc only where an uncovered one is in sight.
    """
    place.mkdir(parents=True, exist_ok=True)
    run(["mount", "-t", "proc", "proc", place])


def _list_modules(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    real = Path("/proc/modules")
    if real.exists():
        path.symlink_to(real)
        return
    path.write_text("".join(f"{name} 1 0 - Live 0x0\n" for name in _MODULES.split()))


class Supervisor:
    """Starts, restarts and stops services, and reaps every orphan of the node."""

    def __init__(self, folder: Path) -> None:
        self._services: dict[str, Service] = {}
        self._selector = selectors.DefaultSelector()
        path = folder / SOCKET
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(16)
        self._selector.register(self._listener, selectors.EVENT_READ)
        # A signal writes into this pair, which wakes the loop when a child ends.
        self._wake, wake = socket.socketpair()
        self._wake.settimeout(0)
        wake.settimeout(0)
        signal.set_wakeup_fd(wake.fileno())
        self._keep = wake
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._wake, selectors.EVENT_READ)

    def serve(self) -> None:
        """Handle requests and ended processes for ever."""
        while True:
            for key, _ in self._selector.select(self._pause()):
                if key.fileobj is self._listener:
                    self._answer()
                else:
                    self._wake.recv(4096)
            self._reap()
            self._restart()

    def _pause(self) -> float | None:
        waiting = [s.due for s in self._services.values() if s.wanted and s.process is None]
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    def _answer(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(5)
            try:
                request = json.loads(connection.makefile("rb").readline())
                reply = self._handle(request)
            except (OSError, ValueError, KeyError) as error:
                reply = {"error": f"{type(error).__name__}: {error}"}
            connection.sendall(json.dumps(reply).encode() + b"\n")

    def _handle(self, request: dict[str, Any]) -> dict[str, Any]:
        if "start" in request:
            wish = request["start"]
            if wish["name"] not in self._services:
                service = Service(wish["argv"], wish["env"], wish["log"])
                service.start()
                self._services[wish["name"]] = service
        if "stop" in request:
            service = self._services.pop(request["stop"])
            service.wanted = False
            if service.process is not None:
                service.process.terminate()
        return {
            name: {"pid": s.process.pid if s.process else 0, "restarts": s.restarts}
            for name, s in self._services.items()
        }

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for service in self._services.values():
                if service.process is not None and service.process.pid == pid:
                    service.process = None
                    service.due = time.monotonic() + RESTART_DELAY

    def _restart(self) -> None:
        now = time.monotonic()
        for service in self._services.values():
            if service.wanted and service.process is None and service.due <= now:
                service.restarts += 1
                service.start()


def main(text: str) -> None:
    """Prepare the node described in ``text`` (a ``Spec`` as JSON), then supervise for ever."""
    spec = Spec(**json.loads(text))
    for needed in ("mount", "umount"):
        if shutil.which(needed) is None:
            sys.exit(f"{needed} is missing")
    prepare(spec)
    Supervisor(Path(spec.folder)).serve()


if __name__ == "__main__":
    main(sys.argv[1])
