"""One vantage6 server: start, stop, kill and restart at the same address."""

import json
import os
import secrets
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devserver import environment
from devserver.errors import DevServerError
from devserver.ports import free_port

_START_SECONDS = 90.0
_STOP_SECONDS = 10.0
API_PATH = "/api"


@dataclass(frozen=True)
class Options:
    """The settings of a server.

    Args:
        token_seconds: lifetime of access tokens; None: the server's own six hours.
        refresh_seconds: lifetime of refresh tokens; None: the server's own two days.
        keeps_secret: tokens outlive a restart of the server; False: a restart ends them all.
        blob_store: ``large_result_store`` of the server's configuration; None: no store.
        notes_requests: writes a line for each request into ``requests.log`` of the server's folder:
            requester (``node 3``, ``user 1``, ``container``, ``nobody``), method, path.
    """

    token_seconds: int | None = None
    refresh_seconds: int | None = None
    keeps_secret: bool = True
    blob_store: dict[str, str] | None = None
    notes_requests: bool = False


class DevServer:
    """A server with SQLite in its own folder; several servers can run side by side.

    A server ends with the process that started it, except with ``outlives=True``. Not for
    concurrent use by several threads.
    """

    def __init__(
        self, folder: Path, ip: str = "127.0.0.1", port: int = 0, options: Options | None = None
    ) -> None:
        """Take the settings; the server starts with ``start``.

        Args:
            folder: for database, keys and logs; created if missing.
            ip: the address to listen on.
            port: 0 takes a free port, and keeps the port over restarts of the same object.
            options: see ``Options``.
        """
        self.folder = folder.resolve()
        self.ip = ip
        self.port = port
        self.options = options or Options()
        self.log_file = self.folder / "server.log"
        self.requests_file = self.folder / "requests.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """Scheme and address, in the form of ``server_url`` in a node's configuration."""
        return f"http://{self.ip}"

    @property
    def url(self) -> str:
        """The URL of the API."""
        return f"{self.host}:{self.port}{API_PATH}"

    @property
    def root_password(self) -> str:
        """The password of the user ``root``, who has all rights."""
        return str(self._secrets()["root_password"])

    @property
    def pid(self) -> int | None:
        """Id of the server's process; None unless this object started a process that still runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(
        self, *, outlives: bool = False, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        """Start the server and wait until it responds.

        Args:
            outlives: the server keeps running when this process ends.
            tell: gets one line before the environment is installed.

        Raises:
            MissingError: there is no Python 3.10.
            DevServerError: the server did not respond; the message has the end of its log.
        """
        python = environment.ensure(tell)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.port = self.port or free_port(self.ip)
        settings = self._write_settings(ends_with_parent=not outlives)
        # Without these variables the server's folders (its log among them) are in the user's home.
        home = str(self.folder / "home")
        own = {"HOME": home, "XDG_DATA_HOME": home, "XDG_STATE_HOME": home, "XDG_CACHE_HOME": home}
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(
                [python, environment.INSIDE / "serve.py", settings],
                cwd=self.folder,
                env=environment.variables() | own,
                stdin=subprocess.DEVNULL if outlives else subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=outlives,
            )
        self._await_answer(self._process)

    def stop(self) -> int | None:
        """End the server in order; return its exit code, or None if the server did not run."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server without a shutdown, like a power cut."""
        self._end(signal.SIGKILL)

    def restart(self, options: Options | None = None) -> None:
        """Stop and start at the same address, from now on with ``options`` if given."""
        self.options = options or self.options
        self.stop()
        self.start()

    def _end(self, number: signal.Signals) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(number)
        try:
            return process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            if process.stdin is not None:
                process.stdin.close()

    def _secrets(self) -> dict[str, Any]:
        path = self.folder / "secrets.json"
        if not path.exists():
            made = {"root_password": secrets.token_urlsafe(16), "jwt": secrets.token_urlsafe(32)}
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                json.dump(made, file)
        return dict(json.loads(path.read_text()))

    def _write_settings(self, *, ends_with_parent: bool) -> Path:
        config: dict[str, Any] = {
            "description": "devserver",
            "ip": self.ip,
            "port": self.port,
            "api_path": API_PATH,
            "uri": f"sqlite:///{self.folder}/server.sqlite",
            "allow_drop_all": False,
            "logging": {
                "level": "INFO",
                "file": "vantage6.log",
                "use_console": True,
                "backup_count": 2,
                "max_size": 4096,
                "format": "%(asctime)s %(levelname)-8s %(name)s: %(message)s",
                "datefmt": "%Y-%m-%d %H:%M:%S",
            },
        }
        if self.options.blob_store is not None:
            config["large_result_store"] = self.options.blob_store
        if self.options.keeps_secret:
            config["jwt_secret_key"] = self._secrets()["jwt"]
        config_file = self.folder / "config.yaml"
        _write_private(config_file, config)  # JSON is YAML
        settings = {
            "config": str(config_file),
            "host": self.ip,
            "port": self.port,
            "token_seconds": self.options.token_seconds,
            "refresh_seconds": self.options.refresh_seconds,
            "root_password": self.root_password,
            "ends_with_parent": ends_with_parent,
            "requests_file": str(self.requests_file) if self.options.notes_requests else None,
        }
        _write_private(self.folder / "settings.json", settings)
        return self.folder / "settings.json"

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + _START_SECONDS
        while not answers(self.url):
            if process.poll() is not None or time.monotonic() > until:
                said = self.log_file.read_text(errors="replace").strip().splitlines()[-12:]
                self.kill()
                raise DevServerError(
                    f"the server did not come up at {self.url}; the end of {self.log_file}:\n  "
                    + "\n  ".join(said)
                )
            time.sleep(0.05)


def answers(url: str) -> bool:
    """Return whether a vantage6 server responds at ``url``."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/version", timeout=2) as answer:
            return answer.status == 200 and "version" in json.load(answer)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def _write_private(path: Path, data: dict[str, Any]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(data, file, indent=1)
