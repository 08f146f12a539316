"""The form of the dummy server's messages: small pure readers and builders.

The server routes messages and judges nothing, so this module reads only the fields for routing. The
docstring of `relay.py` documents the whole contract.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeGuard

MAX_MESSAGE_BYTES = 5_000_000
# Up to this size a message is read and refused with a reason; above, the connection is cut.
MAX_FRAME_BYTES = 2 * MAX_MESSAGE_BYTES
# Socket.IO's library handles a message by recursion, with several calls for each level.
MAX_NESTING = 100


class CommandState(StrEnum):
    """The state of a posted command, as in the emitter's acknowledgement."""

    FORWARDED = "forwarded"
    KEPT = "kept"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outcome:
    """The server's answer to the poster of a command.

    Attributes:
        state: the state of the command.
        reason: why the command was not accepted; None for an accepted command.
        status: the run's status when the node answered; None without an answer.
    """

    state: CommandState
    reason: str | None = None
    status: str | None = None


def single_argument(args: tuple[Any, ...]) -> Any:
    """Return the payload of an event: the argument, None without arguments, a list of several."""
    if len(args) > 1:
        return list(args)
    return args[0] if args else None


def is_run_id(value: Any) -> TypeGuard[int]:
    """Return whether `value` can name a run: a JSON integer (not Python's bool)."""
    return isinstance(value, int) and not isinstance(value, bool)


def run_id_of(payload: Any) -> int | None:
    """Return the run id if the payload is an object with a usable run id."""
    given = given_run_id(payload)
    return given if is_run_id(given) else None


def given_run_id(payload: Any) -> Any:
    """Return the run_id exactly as given, None if there is no run_id or the run_id is binary."""
    given = payload.get("run_id") if isinstance(payload, dict) else None
    return None if isinstance(given, bytes | bytearray) else given


def command_ack(payload: Any, outcome: Outcome) -> dict[str, Any]:
    """Build the acknowledgement of a `command_request`."""
    return {
        "accepted": outcome.state in (CommandState.FORWARDED, CommandState.KEPT),
        "state": outcome.state.value,
        "run_id": given_run_id(payload),
        "reason": outcome.reason,
        "status": outcome.status,
    }


def node_answer(args: tuple[Any, ...]) -> Outcome:
    """Read the node's acknowledgement of a `command`.

    `accepted` null means that the node has not decided yet. A null, or an answer against the
    contract, becomes `unknown`: the run may have been started.
    """
    answer = single_argument(args)
    accepted = answer.get("accepted") if isinstance(answer, dict) else None
    if accepted is True:
        status = answer.get("status")
        return Outcome(CommandState.FORWARDED, status=status if isinstance(status, str) else None)
    if accepted is False:
        reason = answer.get("reason")
        text = reason if isinstance(reason, str) and reason else "the node gave no reason"
        return Outcome(CommandState.REFUSED, reason=text)
    undecided = answer.get("reason") if isinstance(answer, dict) and "accepted" in answer else None
    text = (
        "the node's acknowledgement was not understood; the run may start all the same: "
        "ask with watch_request, or post the same command again"
    )
    reason = undecided if accepted is None and isinstance(undecided, str) else text
    return Outcome(CommandState.UNKNOWN, reason=reason)


def no_answer(seconds: float) -> Outcome:
    """Build the outcome for a node that stays connected and does not answer."""
    text = (
        f"the node is connected but did not answer within {seconds:g} s; the run may still start: "
        "ask with watch_request, or post the same command again (harmless when repeated)"
    )
    return Outcome(CommandState.UNKNOWN, reason=text)


def no_node() -> str:
    """Return the error text for a question while no node is connected."""
    return (
        "no node is connected to the server; start the node, or wait until it is connected again, "
        "and ask again"
    )


def problem_with_report(payload: Any) -> str | None:
    """Return why a `run_status` or `run_result` cannot be routed, None if routing is possible."""
    if not isinstance(payload, dict):
        return "the payload is not an object"
    if run_id_of(payload) is None:
        return "run_id is missing or not a whole number"
    return None


def size_in_bytes(payload: Any) -> int:
    """Return the approximate size of a payload in bytes, including binary parts."""
    return len(json.dumps(payload, default=_binary_as_text, separators=(",", ":")))


def problem_with_message(payload: Any) -> str | None:
    """Return why a message cannot be passed on, None if passing on is possible."""
    if _is_nested_deeper(payload, MAX_NESTING):
        return f"the message is nested deeper than {MAX_NESTING} levels; send one with fewer"
    size = size_in_bytes(payload)
    if size > MAX_MESSAGE_BYTES:
        return (
            f"the message has {size:,} bytes as JSON; the server takes {MAX_MESSAGE_BYTES:,}: "
            "send a smaller one"
        )
    return None


def _is_nested_deeper(payload: Any, levels: int) -> bool:
    level: list[Any] = [[payload]]
    for _ in range(levels + 1):
        level = [
            part
            for whole in level
            for part in (whole.values() if isinstance(whole, dict) else whole)
            if isinstance(part, list | dict)
        ]
        if not level:
            return False
    return True


def _binary_as_text(part: Any) -> str:
    return part.decode("latin-1") if isinstance(part, bytes | bytearray) else repr(part)
