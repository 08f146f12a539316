"""Call vantage6's own AlgorithmClient in the environment of Python 3.10.

algorithm_client.py HOST PORT TOKEN: read a JSON line [CALL, ARGUMENT...] for each call, and answer
with a line {"result": ...} or {"error": TEXT}.
"""

import json
import os
import sys

ANSWERS = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

from vantage6.algorithm.client import AlgorithmClient  # noqa: E402


def calls(client):
    return {
        "create": lambda input_, organizations: client.task.create(
            input_, organizations=organizations, name="subtask"
        ),
        "wait": lambda task_id: client.wait_for_results(task_id, interval=0.1),
        "result": client.result.get,
        "runs": client.run.from_task,
        "task": client.task.get,
        "organizations": client.organization.list,
        "collaboration": client.collaboration.get,
        "request": client.request,
    }


def main():
    host, port, token = sys.argv[1:]
    known = calls(AlgorithmClient(token, host, int(port), ""))
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"result": known[name](*arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        ANSWERS.write(json.dumps(answer) + "\n")
        ANSWERS.flush()


if __name__ == "__main__":
    main()
