"""A vantage6 user for tests, demo and bench: vantage6's own client in a separate process."""

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

from devserver import environment
from devserver.errors import DevServerError
from devserver.server import API_PATH, DevServer


class ClientError(DevServerError):
    """The client raised, or the server refused; the message has the error and its reason."""


class Client:
    """A logged-in user. Threads may share the object; one call runs at a time.

    The client's import takes a second or two, once. A client has one key, because vantage6's client
    keeps one key per process.
    """

    def __init__(
        self,
        server: DevServer,
        username: str,
        password: str,
        private_key: str | Path | None = None,
    ) -> None:
        """Start the process and log in.

        Args:
            server: a running server.
            username: the user's name.
            password: the user's password.
            private_key: file of the organization's private key; None: not encrypted. The client
                needs the key from the start, to compare it with the organization's public key.

        Raises:
            MissingError: there is no Python 3.10.
            ClientError: the login failed.
        """
        address = f"{server.host}:{server.port}"
        script = [str(environment.ensure()), str(environment.INSIDE / "client.py")]
        self._lock = threading.Lock()
        self._log = (server.folder / f"client-{username}.log").open("ab")
        self._process = subprocess.Popen(
            [*script, address, API_PATH, username, str(private_key or "-")],
            env=environment.variables(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._write(password)
        who = self._read()
        self.user_id: int = who["user_id"]
        self.organization_id: int = who["organization_id"]

    @property
    def pid(self) -> int:
        """Id of the client's process."""
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def call(self, name: str, /, **args: Any) -> Any:
        """Make one of the calls of ``inside/client.py``. Raise ClientError."""
        with self._lock:
            self._write(json.dumps({"call": name, "args": args}))
            return self._read()

    def login(self) -> None:
        """Log in again, after a restart of the server with another secret."""
        self.call("login")

    def submit(
        self,
        collaboration: int,
        organizations: list[int],
        image: str,
        input_: object,
        databases: list[dict[str, Any]] | None = None,
        *,
        read_runs: bool = True,
    ) -> dict[str, Any]:
        """Create a task; return ``task_id``, ``submitted_at``, ``answered_at`` and ``runs``.

        Times are seconds since the epoch: before the request, and after the server's response.
        Without ``read_runs``, ``runs`` is empty and the server gets one request less.
        """
        made: dict[str, Any] = self.call(
            "submit",
            collaboration=collaboration,
            organizations=organizations,
            image=image,
            input=input_,
            databases=databases,
            read_runs=read_runs,
        )
        return made

    def runs(self, task_id: int) -> list[dict[str, Any]]:
        """Return the runs of a task by id: id, organization_id, status, log, times."""
        found: list[dict[str, Any]] = self.call("runs", task_id=task_id)
        return found

    def wait(self, task_id: int, timeout: float = 60) -> dict[str, Any]:
        """Wait ``timeout`` seconds for a task's end; return ``status``, ``ended``, ``runs``."""
        found: dict[str, Any] = self.call("wait", task_id=task_id, timeout=timeout)
        return found

    def results(self, task_id: int) -> list[Any]:
        """Return the decrypted results of a task's runs, by run id."""
        found: list[Any] = self.call("results", task_id=task_id)
        return found

    def logs(self, task_id: int) -> dict[str, str]:
        """Return the logs of a task's runs so far, by run id (as text)."""
        found: dict[str, str] = self.call("logs", task_id=task_id)
        return found

    def kill(self, task_id: int) -> dict[str, Any]:
        """Kill a task; return the server's ``status`` (HTTP) and ``body``."""
        found: dict[str, Any] = self.call("kill", task_id=task_id)
        return found

    def kill_node(self, node_id: int) -> dict[str, Any]:
        """Kill all runs on a node; return the server's ``status`` (HTTP) and ``body``."""
        found: dict[str, Any] = self.call("kill_node", node_id=node_id)
        return found

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        params: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send any request with the user's token; return ``status`` (HTTP) and ``body``."""
        found: dict[str, Any] = self.call(
            "request", method=method, path=path, body=body, params=params
        )
        return found

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101  it is a pipe
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ClientError(f"the client's process has ended; see {self._log.name}") from error

    def _read(self) -> Any:
        assert self._process.stdout is not None  # noqa: S101  it is a pipe
        line = self._process.stdout.readline()
        if not line:
            raise ClientError(f"the client's process has ended; see {self._log.name}")
        answer = json.loads(line)
        if "error" in answer:
            raise ClientError(answer["error"])
        return answer["result"]
