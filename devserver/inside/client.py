"""A vantage6 user, driven by lines of JSON; for the environment of Python 3.10 only.

    client.py URL API_PATH USERNAME PRIVATE_KEY|-     password: the first line of standard input

Each further line is {"call": NAME, "args": {...}} and is answered by {"result": ...} or
{"error": TEXT} in one line. Everything is done by vantage6's own client. Ends with its input.
"""

import json
import os
import sys
import time

# The output of the client and its libraries must not get between the responses.
ANSWERS = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

import provisioning  # noqa: E402  beside this file
import requests  # noqa: E402
from vantage6.client import UserClient  # noqa: E402
from vantage6.common.task_status import has_task_finished  # noqa: E402


class Calls:
    """The calls of a user. Arguments and results are JSON."""

    def __init__(self, url, api_path, username, password, private_key):
        """Log in and set up encryption."""
        host, _, port = url.rpartition(":")
        self._client = UserClient(host, int(port), api_path, log_level="warning")
        self._login = (username, password)
        self._private_key = private_key
        self.who = self.login()

    def login(self):
        """Log in (again), for tokens that a server does not know any more."""
        self._client.authenticate(*self._login)
        self._client.setup_encryption(self._private_key)
        who = self._client.whoami
        return {"user_id": who.id_, "organization_id": who.organization_id}

    def submit(
        self,
        collaboration,
        organizations,
        image,
        input,
        databases=None,
        name="task",
        *,
        read_runs=True,
    ):
        """Create a task; return its id and, with ``read_runs``, its runs."""
        before = time.time()
        made = self._client.task.create(
            organizations=organizations,
            name=name,
            image=image,
            description=name,
            input_=input,
            collaboration=collaboration,
            databases=databases or [],
        )
        answered = time.time()
        if "id" not in made:
            raise ValueError(f"the server made no task: {made.get('msg')}")
        times = {"submitted_at": before, "answered_at": answered}
        return {"task_id": made["id"], **times, "runs": self.runs(made["id"]) if read_runs else []}

    def task(self, task_id):
        """Return the task as the server shows it."""
        return self._client.task.get(task_id)

    def runs(self, task_id):
        """Return all runs of a task: id, organization_id, status, log and times."""
        kept = ("id", "status", "log", "assigned_at", "started_at", "finished_at")
        found = self._pages("run", task_id=task_id)
        return [
            {key: run.get(key) for key in kept} | {"organization_id": run["organization"]["id"]}
            for run in sorted(found, key=lambda run: run["id"])
        ]

    def logs(self, task_id):
        """Return the logs of a task's runs so far, by run id."""
        return {str(run["id"]): run["log"] or "" for run in self.runs(task_id)}

    def wait(self, task_id, timeout=60, interval=0.05):
        """Wait until a task has ended; return its status, whether it has ended, and its runs."""
        until = time.monotonic() + timeout
        while True:
            status = self._client.request(f"task/{task_id}/status")["status"]
            ended = has_task_finished(status)
            if ended or time.monotonic() > until:
                return {"status": status, "ended": ended, "runs": self.runs(task_id)}
            time.sleep(interval)

    def results(self, task_id):
        """Return the decrypted results of a task's runs, by run id; None: no result."""
        found = self._client.result.from_task(task_id)["data"]
        return [item["result"] for item in sorted(found, key=lambda item: item["id"])]

    def kill(self, task_id):
        """Kill a task, and return the server's response."""
        return self.request("POST", "kill/task", {"id": task_id})

    def kill_node(self, node_id):
        """Kill all runs on a node, and return the server's response."""
        return self.request("POST", "kill/node/tasks", {"id": node_id})

    def node(self, node_id):
        """Return the node as the server shows it, with the node's shared configuration."""
        return self._client.node.get(node_id)

    def request(self, method, path, body=None, params=None):
        """Send a request with this user's token; return {"status": HTTP, "body": JSON or text}."""
        answer = requests.request(
            method,
            self._client.generate_path_to(path, False),
            json=body,
            params=params,
            headers=self._client.headers,
            timeout=30,
        )
        try:
            return {"status": answer.status_code, "body": answer.json()}
        except ValueError:
            return {"status": answer.status_code, "body": answer.text[:1000]}

    def provision(self, plan):
        """Create organizations, users, collaborations and nodes; see provisioning.py."""
        return provisioning.provision(self._client, plan)

    def add_collaboration(self, name, organizations, encrypted):
        """Create one more collaboration; see provisioning.py."""
        return provisioning.collaboration(self._client, name, organizations, encrypted)

    def _pages(self, endpoint, **params):
        page, found = 1, []
        while True:
            asked = {**params, "page": page, "per_page": 100}
            answer = self._client.request(endpoint, params=asked)
            found += answer["data"]
            if not answer["links"].get("next"):
                return found
            page += 1


def main():
    """Log in, then respond until the input ends."""
    url, api_path, username, private_key = sys.argv[1:5]
    password = sys.stdin.readline().rstrip("\n")
    try:
        key = None if private_key == "-" else private_key
        calls = Calls(url, api_path, username, password, key)
        _answer({"result": calls.who})
    except Exception as error:
        _answer({"error": f"{type(error).__name__}: {error}"})
        return
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            _answer({"result": getattr(calls, asked["call"])(**asked.get("args", {}))})
        except Exception as error:
            _answer({"error": f"{type(error).__name__}: {error}"})


def _answer(data):
    ANSWERS.write(json.dumps(data) + "\n")
    ANSWERS.flush()


if __name__ == "__main__":
    main()
