"""PURE: the kinds of entries, and the facts of a run that an entry holds.

No fact is data, a secret, an input or the text of a log: inputs, tokens and results appear by size
and hash at most, and of an input the name of its method.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from node_poc.runs.digits import is_number
from node_poc.runs.docker_terms import PARENT_ID, TASK_ID
from node_poc.runs.model import RunResult, RunSpec

INIT_ORGANIZATION = "init_org_id"
INIT_USER = "init_user_id"
METHOD = "method"


class Event(StrEnum):
    """The kinds of entries."""

    NODE_STARTED = "node started"
    NODE_ENDED = "node ended"
    RUN_TAKEN = "run taken"
    RUN_REFUSED = "run refused"
    RUN_STARTED = "run started"  # written before the node asks Kubernetes for the Job
    KILL_REQUESTED = "kill requested"
    RUN_ENDED = "run ended"  # written before the result may leave the data station
    RESULT_DELIVERED = "result delivered"
    RUNS_HELD = "runs held back"
    RUNS_RELEASED = "runs no longer held back"
    TORN_LINE = "torn line"
    FILE_CHANGED = "file changed outside"
    HEAD_MISSING = "head not found"
    FILE_REMOVED = "file removed"
    ENTRIES_LOST = "entries lost"


# The node itself noticed damage, which ``verify`` repeats each time.
DAMAGE = frozenset({Event.FILE_CHANGED, Event.HEAD_MISSING, Event.ENTRIES_LOST})

# Facts of a run's origin that an entry repeats, and their names in the entry.
_FROM_ORIGIN = {
    TASK_ID: "task",
    PARENT_ID: "parent_task",
    INIT_ORGANIZATION: "organization",
    INIT_USER: "user",
    "server": "server",
    METHOD: "method",
}


def asked(run_id: int | None, image: str, origin: Mapping[str, str], owner: str) -> dict[str, Any]:
    """Return the facts of a request for a run.

    Args:
        run_id: the run's id; None if the request has no readable id.
        image: the image asked for; empty if unknown.
        origin: facts of the server about the run's task.
        owner: who asked, in the adapter's words; left out if the origin names an organization.
    """
    facts: dict[str, Any] = {"run": run_id, "image": image or None}
    facts["image_digest"] = image.partition("@")[2] or None
    for key, name in _FROM_ORIGIN.items():
        if value := origin.get(key):
            facts[name] = int(value) if is_number(value) and len(value) < 20 else value
    if owner and INIT_ORGANIZATION not in origin:
        facts["asked_by"] = owner
    return facts


def wanted(spec: RunSpec, owner: str) -> dict[str, Any]:
    """Return the facts of a run that the node has taken."""
    return asked(spec.run_id, spec.image, dict(spec.origin), owner) | {
        "databases": list(spec.databases)
    }


def torn(tail: bytes) -> dict[str, Any]:
    """Return the facts about the bytes of an entry that a crash left incomplete."""
    return {"bytes": len(tail), "sha256": hashlib.sha256(tail).hexdigest()}


def ended(
    result: RunResult, log: tuple[int, str], result_file: tuple[int, str | None] | None
) -> dict[str, Any]:
    """Return the facts of a run's end.

    Args:
        result: the run's end, as told to the server.
        log: bytes and SHA-256 of the end of the log that goes to the server.
        result_file: bytes and SHA-256 of the algorithm's result; None without a readable result.
    """
    failure = result.failure
    return {
        "run": result.run_id,
        "status": result.status.value,
        "cause": failure.cause if failure else None,
        "exit_code": result.exit_code,
        "result_bytes": result_file[0] if result_file else None,
        "result_sha256": result_file[1] if result_file else None,
        "log_bytes": log[0],
        "log_sha256": log[1],
        "output_files": len(result.output),
        "output_bytes": sum(each.size for each in result.output),
    }
