"""The emitter's command `post`: post a run and show its progress."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emitter_client import ACK_TIMEOUT_S, EmitterClient
from emitter_common import (
    COMPLETED,
    ENDED_OTHERWISE,
    REFUSED,
    TIMED_OUT,
    UsageError,
    default_server,
)
from emitter_view import JsonView, TextView
from wire import run_id_of

EXAMPLE_ARGUMENTS = ["/app/input/csv/default", "Age", "/app/output/avg.txt"]
EXAMPLE_DATABASES = ["default", "db1", "db2", "db3"]
EXAMPLE_IMAGE = "localhost:5001/v6_average_algorithm"


def example_payload(run_id: int) -> dict[str, Any]:
    """Build the proof of concept's example: the average age in the default database."""
    return {
        "run_id": run_id,
        "task_info": task_info(EXAMPLE_ARGUMENTS),
        "image": EXAMPLE_IMAGE,
        "docker_input": "input1",
        "tmp_vol_name": "example-tmp-vol",
        "token": "example_token",
        "databases_to_use": list(EXAMPLE_DATABASES),
    }


def task_info(arguments: Sequence[str]) -> dict[str, str]:
    """Name the algorithm's arguments as in the proof of concept: arg1, arg2, ..."""
    return {f"arg{number}": value for number, value in enumerate(arguments, start=1)}


def fresh_run_id() -> int:
    """Return an unused run id: microseconds since 1970."""
    return time.time_ns() // 1000


def payload_from(options: argparse.Namespace) -> Any:
    """Build the payload from the options. Raise UsageError."""
    own = (options.run_id, options.image, options.arg, options.database)
    if options.payload is not None:
        if any(value is not None for value in own):
            raise UsageError("--payload is the whole payload: leave the options for its parts out")
        return read_payload(options.payload)
    payload = example_payload(fresh_run_id() if options.run_id is None else options.run_id)
    if options.image is not None:
        payload["image"] = options.image
    if options.arg is not None:
        payload["task_info"] = task_info(options.arg)
    if options.database is not None:
        payload["databases_to_use"] = options.database
    return payload


def read_payload(path: Path) -> Any:
    """Read a payload file: JSON of any kind, because the node is the judge of payloads.

    Raise UsageError.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is not JSON ({error})") from error


def add_post_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `post`, which is also the default command."""
    parser.add_argument("--run-id", type=int, metavar="N", help="default: a fresh one")
    parser.add_argument("--image", help=f"default: {EXAMPLE_IMAGE}")
    parser.add_argument(
        "--arg", action="append", metavar="VALUE", help="algorithm argument; repeat, in order"
    )
    parser.add_argument(
        "--database", action="append", metavar="LABEL", help="database to use; repeat"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per event and line")
    parser.add_argument("--payload", type=Path, metavar="FILE", help="the whole payload, as JSON")
    parser.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        default=sys.stdout.isatty(),
        help="show states and result as they come (default on a terminal)",
    )


def run_post(options: argparse.Namespace) -> int:
    """Post a payload and, if requested, wait for the end of the run; return the exit code."""
    payload = payload_from(options)
    view = JsonView(sys.stdout) if options.json else TextView(sys.stdout)
    limit_s = options.timeout or None
    begin = time.monotonic()
    with EmitterClient(options.server or default_server(), on_event=view.show) as client:
        ack_limit_s = limit_s if options.wait else limit_s or ACK_TIMEOUT_S
        ack = client.post(payload, ack_limit_s)
        if ack.get("state") == "refused":
            return REFUSED
        run_id = run_id_of(payload)
        if not options.wait or run_id is None:
            return COMPLETED if ack.get("accepted") else TIMED_OUT
        left_s = None if limit_s is None else max(0.0, limit_s - (time.monotonic() - begin))
        result = client.wait(run_id, left_s)
    return COMPLETED if result.get("status") == "completed" else ENDED_OTHERWISE
