"""Databases of each type in a node's configuration: real files and real services."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import sqlite3
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from devcluster.console import Console
from devcluster.packages import Package, install, missing
from devserver import environment

_SERVICES = Path(__file__).parent / "services"
_POSTGRES = (
    Package("postgresql", tuple(f"/usr/lib/postgresql/{n}/bin/initdb" for n in (15, 16, 17))),
)
PASSWORD = "not-a-real-secret"


def make_files(folder: Path) -> list[dict[str, Any]]:
    """Make a file or folder of each type; return them as entries of the configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    python = environment.ensure()
    subprocess.run([python, _SERVICES / "make_excel.py", folder / "book.xlsx"], check=True)
    parquet.write_table(pa.table({"Age": [1, 2, 3, 4]}), folder / "table.parquet")
    with sqlite3.connect(folder / "people.sqlite") as database:
        database.execute("CREATE TABLE people (age INTEGER, name TEXT)")
        database.executemany("INSERT INTO people VALUES (?, ?)", [(40, "Anna"), (50, "Bert")])
    database.close()
    (folder / "notes.txt").write_text("some notes")
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    for name in ("one.png", "two.png"):
        (pictures / name).write_bytes(b"\x89PNG")
    (folder / "people.sqlite").chmod(0o644)
    kinds = {
        "book": ("excel", "book.xlsx"),
        "table": ("parquet", "table.parquet"),
        "people": ("sql", "people.sqlite"),
        "notes": ("other", "notes.txt"),
        "pictures": ("folder", "pictures"),
    }
    # A csv file without a header, and a missing file: the node works, and sends the server no
    # patient's row.
    (folder / "rows.csv").write_text("63,Jansen\n70,Smith\n")
    kinds |= {"rows": ("csv", "rows.csv"), "absent": ("csv", "absent.csv")}
    return [
        {"label": label, "type": kind, "uri": str(folder / name)}
        for label, (kind, name) in kinds.items()
    ]


class Service:
    """A process that listens, ended by ``stop``."""

    def __init__(self, command: list[str | Path], address: str, port: int, **options: Any) -> None:
        """Start the process and wait until it listens."""
        self.address, self.port = address, port
        self._process = subprocess.Popen(command, **options)
        for _ in range(200):
            with suppress(OSError), socket.create_connection((address, port), timeout=1):
                return
            time.sleep(0.1)
        raise AssertionError(f"{command[0]} does not listen on {address}:{port}")

    def stop(self) -> None:
        """End the process with SIGTERM."""
        self._process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()


def start_sparql(address: str, port: int) -> Service:
    """Start a triple store with the ages of three people."""
    return Service(
        [environment.ensure(), _SERVICES / "sparql.py", address, str(port)],
        address,
        port,
        stderr=subprocess.DEVNULL,
    )


def start_postgres(folder: Path, address: str, port: int, clients: str) -> Service:
    """Start Debian's PostgreSQL with a table of five people, open to ``clients`` by password."""
    console = Console()
    install(missing(_POSTGRES), console)
    binaries = next(Path(sign).parent for sign in _POSTGRES[0].shown_by if Path(sign).exists())
    user = pwd.getpwnam("postgres")
    folder.mkdir(parents=True)
    os.chown(folder, user.pw_uid, user.pw_gid)
    secret = folder.parent / "postgres.password"
    secret.write_text(PASSWORD)
    os.chown(secret, user.pw_uid, user.pw_gid)
    as_postgres: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "cwd": "/"}
    log = (folder.parent / "postgres.log").open("ab")
    quiet: dict[str, Any] = {"stdout": log, "stderr": log}
    data = folder / "data"
    making = ["-D", data, "-U", "station", f"--pwfile={secret}", "--auth=scram-sha-256"]
    subprocess.run([binaries / "initdb", *making], check=True, **as_postgres, **quiet)
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {clients} scram-sha-256\n")
    options = ["-D", data, "-h", address, "-p", str(port), "-k", str(folder)]
    service = Service([binaries / "postgres", *options], address, port, **as_postgres, **quiet)
    fill = "CREATE TABLE people AS SELECT generate_series(1, 5) AS age"
    subprocess.run(
        [
            binaries / "psql",
            "-h",
            address,
            "-p",
            str(port),
            "-U",
            "station",
            "postgres",
            "-c",
            fill,
        ],
        check=True,
        env={**os.environ, "PGPASSWORD": PASSWORD},
        **quiet,
    )
    return service
