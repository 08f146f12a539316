"""A collaboration of a real server, with a proxy before the server and vantage6's algorithm client.

The test plays the nodes: it logs in with their API keys, and reads and writes payloads with the
project's own code.
"""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import requests

from devserver import environment
from node_poc.crypto.payload import PlainCryptor, RsaCryptor
from node_poc.storage.private_key import read_private_key

IMAGE = "registry.example/algorithm:1"
INPUT = {"method": "partial", "args": [], "kwargs": {"column": "größe", "many": "x" * 5000}}
_SCRIPT = Path(__file__).with_name("algorithm_client.py")


class ProxiedStation:
    """A collaboration: its user, its nodes, and the reading and writing of their payloads."""

    def __init__(self, world, collaboration):
        self.world, self.collaboration = world, collaboration
        self.encrypted = collaboration == "encrypted"
        self.user = world.client("admin", encrypted=self.encrypted)
        self.tokens = {name: self._log_in(name) for name in ("alpha", "beta")}

    def cryptor(self, name):
        if not self.encrypted:
            return PlainCryptor()
        return RsaCryptor(read_private_key(self.world.private_key(name)))

    def _log_in(self, name):
        key = self.world.node(self.collaboration, name)["api_key"]
        url = f"{self.world.server.url}/token/node"
        answer = requests.post(url, json={"api_key": key}, timeout=30)
        return answer.json()["access_token"]

    def as_node(self, name, method, path, **options):
        headers = {"Authorization": f"Bearer {self.tokens[name]}"}
        url = f"{self.world.server.url}/{path}"
        answer = requests.request(method, url, headers=headers, timeout=30, **options)
        assert answer.ok, answer.text
        return answer.json()

    def public_key(self, name):
        number = self.world.organization(name)
        return self.as_node("alpha", "GET", f"organization/{number}")["public_key"]

    def submit(self, *names):
        """Submit the user's task; return the runs by organization, as their nodes find them."""
        organizations = [self.world.organization(name) for name in names]
        number = self.world.collaboration(self.collaboration)
        return self.user.submit(number, organizations, IMAGE, INPUT)

    def open_run(self, name, task_id):
        path = f"run?state=open&include=task&task_id={task_id}"
        node = self.world.node(self.collaboration, name)["id"]
        (run,) = self.as_node(name, "GET", f"{path}&node_id={node}")["data"]
        return run

    def finish(self, name, run, result, reader="alpha"):
        self.end(name, run, self.cryptor(name).encrypt(result, self.public_key(reader)))

    def end(self, name, run, result_text):
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        change = {"status": "completed", "log": "", "started_at": now, "finished_at": now}
        self.as_node(name, "PATCH", f"run/{run['id']}", json=change | {"result": result_text})

    def container_token(self, task_id):
        asked = {"task_id": task_id, "image": IMAGE}
        return self.as_node("alpha", "POST", "token/container", json=asked)["container_token"]


class Algorithm:
    """vantage6's algorithm client in a process, behind the proxy."""

    def __init__(self, station, token):
        python = environment.ensure()
        address = ["http://127.0.0.1", str(station.proxy.port)]
        self._process = subprocess.Popen(
            [str(python), str(_SCRIPT), *address, token],
            env=environment.variables(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *call):
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer
        return answer["result"]

    def close(self):
        self._process.kill()
        self._process.communicate()
