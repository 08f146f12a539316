"""Faults of the server, and what the node logs of them."""

import json

DOWN = (500, {"msg": "broken"})


def only_for(task_id, answer):
    """Return a fault of the server for a single task's requests for a container token."""
    return lambda body: answer if json.loads(body)["task_id"] == task_id else None


def told(lines, event):
    return [line for line in lines if line["event"] == event and line["log_level"] != "debug"]
