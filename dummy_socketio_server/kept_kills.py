"""Kill commands that only the server has, while no node is connected: pure except for the clock.

A command that no node ever had can be killed for certain. A command sent to a node before the node
disconnected may still run there, so only the node can report the outcome of a kill. After a restart
the server knows only the commands posted since.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dispatch import Command, Dispatch
from ledger import Ledger
from wire import given_run_id, is_run_id, no_node

KILLED = "killed by user"
AT_THE_NODE = "a node had it and is not connected: kill it again once the node is back"
NEVER_SEEN = "the server keeps no such command, and no node is connected to ask"
BAD_KILL = (
    "the payload must be {run_ids: [whole numbers, at least one]} or {all: true}, and not both"
)


def kill_kept(
    payload: dict[str, Any], dispatch: Dispatch, ledger: Ledger
) -> tuple[list[Command], dict[str, Any]]:
    """Remove the kept commands named in `payload`; return the removed commands and the answer.

    An outcome that only a node could tell is `unknown`, with the key `reason`; if all outcomes are
    unknown, the answer is an error.
    """
    wanted = _wanted(payload)
    if isinstance(wanted, str):
        return [], {"error": wanted}
    kept = dispatch.kept_commands()
    ours = [one for one in kept if one.run_id is None or not ledger.may_be_at_node(one.run_id)]
    killed = ours if wanted is None else [one for one in ours if one.run_id in wanted]
    dispatch.discard({command.number for command in killed})
    gone = {command.run_id for command in killed}
    run_ids = wanted or dict.fromkeys(one.run_id for one in kept if one.run_id is not None)
    outcomes = [_killed(run_id) if run_id in gone else _other(run_id, ledger) for run_id in run_ids]
    outcomes += [_killed(given_run_id(one.payload)) for one in killed if one.run_id is None]
    if all(outcome["outcome"] == "unknown" for outcome in outcomes):
        return [], {"error": no_node()}
    return killed, {"outcomes": outcomes}


def _wanted(payload: dict[str, Any]) -> dict[int, None] | str | None:
    """Return the run ids (in order, without repeats), None for all runs, or an error text."""
    run_ids = payload.get("run_ids")
    if run_ids is None and payload.get("all") is True:
        return None
    if not isinstance(run_ids, list) or not run_ids or payload.get("all"):
        return BAD_KILL
    return dict.fromkeys(run_ids) if all(map(is_run_id, run_ids)) else BAD_KILL


def _killed(run_id: Any) -> dict[str, Any]:
    return {"run_id": run_id, "outcome": "killed", "status": KILLED}


def _other(run_id: int, ledger: Ledger) -> dict[str, Any]:
    result = ledger.result(run_id)
    if result is not None:
        return {"run_id": run_id, "outcome": "already ended", "status": result.get("status")}
    reason = AT_THE_NODE if ledger.may_be_at_node(run_id) else NEVER_SEEN
    return {"run_id": run_id, "outcome": "unknown", "status": None, "reason": reason}


def killed_status(run_id: int) -> dict[str, Any]:
    """Build the `run_status` of a command that was killed at the server."""
    return {"run_id": run_id, "status": KILLED, "time": _now(), **_why()}


def killed_result(run_id: int) -> dict[str, Any]:
    """Build the `run_result` of a command that was killed at the server."""
    return {
        "run_id": run_id,
        "status": KILLED,
        "exit_code": None,
        "log": "",
        "log_truncated": False,
        "output": [],
        "output_truncated": False,
        **_why(),
        "timeline": {"received": None, "job_created": None, "started": None, "ended": _now()},
    }


def _why() -> dict[str, str]:
    return {
        "cause": "KilledByUser",
        "detail": "it was killed on request, before any node had it",
        "advice": "Post it again if that was a mistake.",
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
