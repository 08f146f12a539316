"""Other runs' files, read-only files, and files in the output to trap a careless reader."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evil_algorithm.report import Attack, apart

_USER = 10001
_SEARCHED = (
    "/app",
    "/mnt",
    "/etc",
    "/home",
    "/media",
    "/opt",
    "/root",
    "/run",
    "/srv",
    "/tmp",
    "/var",
)
_LARGEST = 1 << 20


def attacks(plan: dict[str, Any]) -> Iterator[tuple[str, Attack]]:
    """Yield the attacks by name.

    The plan has ``foreign`` (name to paths), ``canary`` (a text in every foreign file), ``given``
    (name to a readable file).
    """
    for name, paths in plan["foreign"].items():
        yield f"read {name}", lambda paths=paths: _read(paths, plan["canary"])
    yield "find foreign data anywhere", lambda: _search(plan["canary"])
    for name, path in plan["given"].items():
        yield f"write to {name}", lambda path=path: _write(path)
        yield f"change the mode of {name}", lambda path=path: _chmod(path)
    yield "write to the image", lambda: _create("/opt/evil/written")
    yield "write to the list of users", lambda: _write("/etc/passwd")
    yield "make a device node", _device
    yield "open the machine's memory", lambda: _open("/dev/mem", os.O_RDONLY)
    yield "open the kernel's log", lambda: _open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    yield "become root by a setuid program", _setuid
    yield "become root", apart(lambda: os.setuid(0))
    yield "join root's group", apart(lambda: os.setgroups([0]))


def leave_traps(output: Path, foreign: str) -> None:
    """Put files into the output on which a careless reader would trip."""
    (output / "link-to-a-file").symlink_to(foreign)
    (output / "link-to-a-folder").symlink_to("/")
    (output / "link-up").symlink_to("../../..")
    os.mkfifo(output / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(output / "socket"))
    (output / "setuid").write_text("#!/bin/sh\n")
    (output / "setuid").chmod(0o6777)
    (output / "name\nof two lines \x1b[2J").write_text("x")
    (output / "closed").mkdir(mode=0)


def _read(paths: list[str], canary: str) -> str:
    reason = OSError(errno.ENOENT, "no such file")
    for path in paths:
        try:
            if canary in Path(path).read_text(errors="replace"):
                return path
        except OSError as error:
            reason = error
    raise reason


def _search(canary: str) -> str:
    """Search all readable files, also below the roots of other processes."""
    places = [*_SEARCHED, *(f"/proc/{pid}/root{place}" for pid in _others() for place in _SEARCHED)]
    for place in places:
        for folder, _, names in os.walk(place):
            for name in names:
                path = Path(folder) / name
                if _contains(path, canary):
                    return str(path)
    raise OSError(errno.ENOENT, f"nowhere in {len(places)} folders")


def _others() -> list[str]:
    found = (path.name for path in Path("/proc").glob("[0-9]*"))
    return [name for name in found if int(name) != os.getpid()][:50]


def _contains(path: Path, canary: str) -> bool:
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
            return False
        return canary.encode() in path.read_bytes()
    except OSError:
        return False


def _write(path: str) -> str:
    with Path(path).open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(b"\n")
    return "written"


def _create(path: str) -> str:
    Path(path).write_text("x")
    return "written"


def _chmod(path: str) -> str:
    Path(path).chmod(0o644)
    return "changed"


def _device() -> str:
    path = Path("/tmp/disk")
    os.mknod(path, stat.S_IFBLK | 0o600, os.makedev(8, 0))
    path.unlink()
    return "made"


def _open(path: str, flags: int) -> str:
    os.close(os.open(path, flags))
    return "opened"


def _setuid() -> str:
    """Run root's program with the setuid bit, as the image's user."""
    as_user = {"user": _USER, "group": _USER} if os.getuid() == 0 else {}
    told = subprocess.run(
        ["/opt/evil/id", "-u"], capture_output=True, check=True, text=True, **as_user
    )
    if told.stdout.strip() != "0":
        raise OSError(errno.EPERM, f"the program runs as {told.stdout.strip()}")
    return "runs as root"
