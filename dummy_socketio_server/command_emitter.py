"""Post a run to the dummy server and show what becomes of it: `python command_emitter.py`.

Exit codes: 0 completed (or accepted, with --no-wait), 1 the run ended otherwise, 2 usage or a bad
payload file, 3 refused, 4 server unreachable, 5 timed out, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from emitter_client import (
    ACK_TIMEOUT_S,
    EmitterClient,
    NoAnswerError,
    PayloadTooLargeError,
    RunRefusedError,
    ServerUnreachableError,
)
from emitter_view import JsonView, TextView
from server_settings import DEFAULT_FILE, SettingsError, load
from wire import run_id_of

COMPLETED, ENDED_OTHERWISE, USAGE, REFUSED, UNREACHABLE, TIMED_OUT, STOPPED = 0, 1, 2, 3, 4, 5, 130

EXAMPLE_ARGUMENTS = ["/app/input/csv/default", "Age", "/app/output/avg.txt"]
EXAMPLE_DATABASES = ["default", "db1", "db2", "db3"]
EXAMPLE_IMAGE = "localhost:5001/v6_average_algorithm"

EXAMPLES = """examples:
  python command_emitter.py                      post the example and wait for its result
  python command_emitter.py --arg /app/input/csv/default --arg Salary --arg /app/output/avg.txt
  python command_emitter.py --database default --no-wait
  python command_emitter.py --payload my_run.json --json --timeout 60
"""


class UsageError(Exception):
    """The command line or the payload file cannot be used; the text says why."""


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
    """Name the algorithm's arguments the proof of concept's way: arg1, arg2, ..."""
    return {f"arg{number}": value for number, value in enumerate(arguments, start=1)}


def fresh_run_id() -> int:
    """Return a run id that was not used before: microseconds since 1970."""
    return time.time_ns() // 1000


def payload_from(options: argparse.Namespace) -> Any:
    """Build the payload the options ask for. Raises UsageError."""
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
    """Read a payload file: JSON of any kind, for the node is the one to judge it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is not JSON ({error})") from error


def default_server() -> str:
    """Return the address that the settings file beside this script gives. Raises SettingsError."""
    settings = load(DEFAULT_FILE)
    # a server that listens on every adapter is reached on this machine's own
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    host = local.get(settings.server_ip, settings.server_ip)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add what every command of this script takes."""
    parser.add_argument("--server", metavar="URL", help="default: from server_config.yaml")
    parser.add_argument("--json", action="store_true", help="one JSON object per event and line")
    parser.add_argument(
        "--timeout", type=seconds, default=0.0, metavar="SECONDS", help="0, the default: no limit"
    )


def add_post_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `post`, which is also what runs without a command."""
    parser.add_argument("--run-id", type=int, metavar="N", help="default: a fresh one")
    parser.add_argument("--image", help=f"default: {EXAMPLE_IMAGE}")
    parser.add_argument(
        "--arg", action="append", metavar="VALUE", help="algorithm argument; repeat, in order"
    )
    parser.add_argument(
        "--database", action="append", metavar="LABEL", help="database to use; repeat"
    )
    parser.add_argument("--payload", type=Path, metavar="FILE", help="the whole payload, as JSON")
    parser.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        default=sys.stdout.isatty(),
        help="show states and result as they come (default on a terminal)",
    )


def seconds(text: str) -> float:
    """Read a non-negative number of seconds; argparse reports the ValueError."""
    value = float(text)
    if not 0 <= value < 10**9:
        raise ValueError(text)
    return value


def run_post(options: argparse.Namespace) -> int:
    """Post a payload and, if asked, wait for its end; returns the exit code."""
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


# name -> (adds its options, runs it); the first one is meant where no name is given
COMMANDS: dict[
    str,
    tuple[Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]],
] = {"post": (add_post_options, run_post)}


def parse(argv: Sequence[str]) -> tuple[Callable[[argparse.Namespace], int], argparse.Namespace]:
    """Split the command line into what to run and its options; argparse exits on usage errors."""
    named = bool(argv) and argv[0] in COMMANDS
    name = argv[0] if named else next(iter(COMMANDS))
    add_options, run = COMMANDS[name]
    parser = argparse.ArgumentParser(
        prog=f"command_emitter.py{' ' + name if named else ''}",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common_options(parser)
    add_options(parser)
    return run, parser.parse_args(argv[1:] if named else argv)


def main(argv: Sequence[str]) -> int:
    """Run the command line; returns the exit code."""
    run, options = parse(argv)
    try:
        return run(options)
    except (UsageError, SettingsError, PayloadTooLargeError) as error:
        return fail(error, USAGE)
    except RunRefusedError as error:
        return fail(f"refused: {error}", REFUSED)
    except ServerUnreachableError as error:
        return fail(error, UNREACHABLE)
    except NoAnswerError as error:
        return fail(f"{error}; the run may go on: ask again with the same --run-id", TIMED_OUT)
    except KeyboardInterrupt:
        return fail("stopped; a run that was accepted goes on", STOPPED)


def fail(why: object, code: int) -> int:
    """Write one line to stderr and return the exit code."""
    sys.stderr.write(f"error: {why}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
