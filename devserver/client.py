"""A vantage6 user for tests, demo and bench: vantage6's own client, in a process of its own."""

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

from devserver import environment
from devserver.errors import DevServerError
from devserver.server import API_PATH, DevServer


class ClientError(DevServerError):
    """The client raised, or the server refused; the message tells which and why."""


class Client:
    """A user that is logged in. One call at a time; may be used from several threads.

    Its import takes a second or two, once. It has one key, as the client keeps one key a process.
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
            server: must run.
            username: who.
            password: of the user.
            private_key: file of the organization's private key; None: not encrypted. It needs to
                be known from the first on: the organization's public key is compared with it.

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
        """The process in which the client works."""
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def call(self, name: str, /, **args: Any) -> Any:
        """Ask for one of the calls of ``inside/client.py``. Raises ClientError."""
        with self._lock:
            self._write(json.dumps({"call": name, "args": args}))
            return self._read()

    def login(self) -> None:
        """Log in again, after the server was restarted with another secret."""
        self.call("login")

    def submit(
        self,
        collaboration: int,
        organizations: list[int],
        image: str,
        input_: object,
        databases: list[dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Make a task: ``task_id``, ``submitted_at``, ``answered_at`` and ``runs``.

        Times are seconds since the epoch: before the request, and when the server had the task.
        """
        made: dict[str, Any] = self.call(
            "submit",
            collaboration=collaboration,
            organizations=organizations,
            image=image,
            input=input_,
            databases=databases,
        )
        return made

    def runs(self, task_id: int) -> list[dict[str, Any]]:
        """The runs of a task by id: id, organization_id, status, log, times."""
        found: list[dict[str, Any]] = self.call("runs", task_id=task_id)
        return found

    def wait(self, task_id: int, timeout: float = 60) -> dict[str, Any]:
        """Wait for a task's end, in seconds: ``status``, ``ended`` and ``runs``."""
        found: dict[str, Any] = self.call("wait", task_id=task_id, timeout=timeout)
        return found

    def results(self, task_id: int) -> list[Any]:
        """The decrypted results of a task's runs, by run id."""
        found: list[Any] = self.call("results", task_id=task_id)
        return found

    def logs(self, task_id: int) -> dict[str, str]:
        """What the runs of a task have said so far, by run id (as text)."""
        found: dict[str, str] = self.call("logs", task_id=task_id)
        return found

    def kill(self, task_id: int) -> dict[str, Any]:
        """Kill a task: the server's ``status`` (HTTP) and ``body``."""
        found: dict[str, Any] = self.call("kill", task_id=task_id)
        return found

    def kill_node(self, node_id: int) -> dict[str, Any]:
        """Kill all that runs on a node: the server's ``status`` (HTTP) and ``body``."""
        found: dict[str, Any] = self.call("kill_node", node_id=node_id)
        return found

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        params: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Any request with the user's token: ``status`` (HTTP) and ``body``."""
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
