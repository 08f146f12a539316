"""The tests' algorithm: reports its surroundings, and behaves badly on request."""

from __future__ import annotations

import getpass
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from vantage6.algorithm.tools.decorators import algorithm_client, data
from vantage6.algorithm.tools.util import info

# The process itself got these variables, before the tools decode them.
_INITIAL = Path("/proc/self/environ")


def describe() -> dict[str, Any]:
    """Return everything that a container can find out about its surroundings."""
    given = _INITIAL.read_bytes().decode().rstrip("\0").split("\0")
    return {
        "environment": dict(sorted(item.partition("=")[::2] for item in given)),
        "mounts": sorted(line.split()[4] for line in _lines("/proc/self/mountinfo")),
        "files": {folder: _tree(folder) for folder in ("/mnt", "/app", "/tmp")},
        "hosts": _lines("/etc/hosts"),
        "resolver": _lines("/etc/resolv.conf"),
        "hostname": socket.gethostname(),
        "processes": _processes(),
        "user": [os.getuid(), os.getgid(), sorted(os.getgroups())],
        "user_name": getpass.getuser(),
        "cache": _make_cache(),
        "capabilities": [line for line in _lines("/proc/self/status") if line.startswith("Cap")],
    }


def _make_cache() -> str:
    """Write into the user's cache, as libraries do; return the cache's path."""
    folder = Path.home() / ".cache" / "library"
    folder.mkdir(parents=True)
    (folder / "file").write_text("x")
    return str(folder)


def _lines(path: str) -> list[str]:
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    return [line for line in text.splitlines() if line.strip()]


def _processes() -> list[str]:
    """Return the names of the other processes here."""
    others = (path for path in Path("/proc").glob("[0-9]*") if path.name != str(os.getpid()))
    return sorted((path / "comm").read_text(encoding="utf-8").strip() for path in others)


def _tree(folder: str) -> list[str]:
    return sorted(str(path) for path in Path(folder).rglob("*"))


@data(1)
def shape_of(table: Any) -> dict[str, Any]:
    """Return rows and columns of the first database, as the tools read it."""
    return {"rows": len(table), "columns": [str(name) for name in table.columns]}


def list_database(label: str) -> dict[str, Any]:
    """Return the content of a database that the tools do not read: a folder, or another file."""
    uri = Path(os.environ[f"{label.upper()}_DATABASE_URI"])
    found = sorted(path.name for path in uri.iterdir()) if uri.is_dir() else [uri.read_text()]
    try:
        (uri / "written" if uri.is_dir() else uri).write_text("x")
        writable = True
    except OSError:
        writable = False
    prefix = label.upper()
    variables = {name: value for name, value in os.environ.items() if name.startswith(prefix)}
    return {"found": found, "writable": writable, "variables": variables}


def reach(address: str, port: int) -> str:
    """Try to connect; return the outcome."""
    try:
        with socket.create_connection((address, port), timeout=3):
            return "connected"
    except OSError as error:
        return type(error).__name__


def reach_all(addresses: list[str]) -> dict[str, str]:
    """Try to connect to each ``host:port``; return the outcomes."""
    parts = [(address, *address.rpartition(":")[::2]) for address in addresses]
    return {address: reach(host, int(port)) for address, host, port in parts}


def fetch(addresses: list[str]) -> dict[str, int | str]:
    """Ask for pages the way that the environment names; return each status, or the failure."""
    found: dict[str, int | str] = {}
    for address in addresses:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  of the test
                found[address] = answer.status
        except urllib.error.HTTPError as error:
            found[address] = error.code
        except OSError as error:
            found[address] = type(error).__name__
    return found


def own_proxy() -> str:
    """Return the proxy's address from the environment, as ``host:port``."""
    return f"{os.environ['HOST'].removeprefix('http://')}:{os.environ['PORT']}"


def listen(port: int, seconds: float) -> None:
    """Accept connections for a while."""
    with socket.create_server(("", port)):
        info("listens")
        time.sleep(seconds)


def ask_name_server(address: str) -> str:
    """Send a name server a question over UDP; return whether an answer came."""
    question = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x00\x00\x01\x00\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(3)
        try:
            asking.sendto(question, (address, 53))
            return f"answered {len(asking.recv(512)) > 0}"
        except OSError as error:
            return type(error).__name__


def echo(value: Any) -> Any:
    """Return the argument."""
    return value


def big(megabytes: int) -> str:
    """Return a large result; hexadecimal digits of random bytes do not compress to nothing."""
    return os.urandom(megabytes * 500_000).hex()


def remember(name: str, text: str) -> list[str]:
    """Write a file for other runs of the same job; return the names in the folder."""
    folder = Path(os.environ["TEMPORARY_FOLDER"])
    (folder / name).write_text(text, encoding="utf-8")
    return sorted(path.name for path in folder.iterdir())


@algorithm_client
def twice_in_one_job(client: Any) -> list[str]:
    """Write into the job's folder, let a subtask do the same, and return the subtask's result."""
    remember("central", "c")
    input_ = {"method": "remember", "kwargs": {"name": "partial", "text": "p"}}
    task = client.task.create(
        input_=input_, organizations=[client.organization_id], name="part", description="tmp"
    )
    return list(client.wait_for_results(task_id=task["id"], interval=0.5)[0])


def sleep(seconds: float, lines: int = 0) -> str:
    """Sleep, and log lines meanwhile."""
    for number in range(lines):
        info(f"line {number}")
        time.sleep(seconds / lines)
    if not lines:
        time.sleep(seconds)
    return "slept"


def fork(most: int) -> dict[str, Any]:
    """Start as many waiting processes as possible; return their number and the final error."""
    waits, ends = os.pipe()
    children: list[int] = []
    told = ""
    try:
        while len(children) < most:
            child = os.fork()
            if child == 0:
                os.close(ends)
                os.read(waits, 1)
                os._exit(0)
            children.append(child)
    except OSError as error:
        told = type(error).__name__
    os.close(ends)
    for child in children:
        os.waitpid(child, 0)
    return {"started": len(children), "told": told}


def crash(code: int = 1) -> None:
    """End with an exit code, as a broken algorithm does."""
    info("about to crash")
    sys.stdout.flush()
    os._exit(code)
