"""The command line: parse arguments, call the other modules, return the exit code.

Exit codes: 0 success, 1 failure, 2 wrong usage, 3 the machine lacks something.
"""

import argparse
import contextlib
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from devserver import world
from devserver.errors import DevServerError
from devserver.server import API_PATH, DevServer, Options, answers

_DEFAULT_PORT = 7601
_STOP_SECONDS = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except DevServerError as error:
        _tell(f"! {error}")
        return error.exit_code
    except OSError as error:
        _tell(f"! {error}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m devserver",
        description="A real vantage6 4.15 server with SQLite, from PyPI, for development.",
    )
    root = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    parser.add_argument(
        "--state",
        type=lambda text: Path(text).resolve(),
        default=Path(root) / "v6-devserver",
        help="folder of one server: database, keys, logs (default: %(default)s)",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start the server and make two organizations on it")
    up.add_argument("--ip", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    up.add_argument("--port", type=int, default=_DEFAULT_PORT, help="default %(default)s")
    up.add_argument("--token-seconds", type=int, help="life of access tokens (default 6 hours)")
    up.add_argument("--refresh-seconds", type=int, help="life of refresh tokens (default 2 days)")
    up.set_defaults(command=_up)
    down = commands.add_parser("down", help="stop the server; what it knows stays")
    down.set_defaults(command=_down)
    status = commands.add_parser("status", help="whether it runs, and who is on it, as JSON")
    status.set_defaults(command=_status)
    env = commands.add_parser("env", help='variables for a shell: eval "$(… env)"')
    env.set_defaults(command=_env)
    return parser


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _up(options: argparse.Namespace) -> int:
    running = _running(options.state)
    if running is not None:
        _tell(f"✔ it runs already at {running['url']}")
        return 0
    lives = Options(options.token_seconds, options.refresh_seconds)
    server = DevServer(options.state, options.ip, options.port, lives)
    if answers(server.url):
        raise DevServerError(f"another vantage6 server answers at {server.url}: choose a --port")
    server.start(outlives=True, tell=lambda text: _tell(f"… {text}"))
    note = {"pid": server.pid, "ip": server.ip, "port": server.port, "url": server.url}
    _note_file(options.state).write_text(json.dumps(note))
    world.provision(server)
    _tell(f"✔ the vantage6 server answers at {server.url}")
    return 0


def _down(options: argparse.Namespace) -> int:
    note = _running(options.state)
    if note is None:
        _tell("✔ it does not run")
        return 0
    os.kill(note["pid"], signal.SIGTERM)
    until = time.monotonic() + _STOP_SECONDS
    while _is_server(note["pid"], options.state):
        if time.monotonic() > until:
            with contextlib.suppress(ProcessLookupError):
                os.kill(note["pid"], signal.SIGKILL)
        time.sleep(0.05)
    _note_file(options.state).unlink(missing_ok=True)
    _tell("✔ stopped")
    return 0


def _status(options: argparse.Namespace) -> int:
    note = _running(options.state)
    found: dict[str, Any] = {"running": note is not None, "state": str(options.state)}
    if note is not None:
        found |= note
        known = world.load(DevServer(options.state, note["ip"], note["port"]))
        found["collaborations"] = known.data["collaborations"] if known else {}
        for collaboration in found["collaborations"].values():
            for node in collaboration["nodes"].values():
                node.pop("api_key")
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return 0 if note is not None else 1


def _env(options: argparse.Namespace) -> int:
    note = _running(options.state)
    if note is None:
        raise DevServerError("it does not run: python3 -m devserver up")
    variables = {
        "V6_SERVER_URL": f"http://{note['ip']}",
        "V6_SERVER_PORT": str(note["port"]),
        "V6_SERVER_API_PATH": API_PATH,
        "V6_SERVER_STATE": str(options.state),
        "V6_SERVER_WORLD": str(options.state / "world.json"),
    }
    for name, value in variables.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    return 0


def _note_file(state: Path) -> Path:
    return state / "running.json"


def _running(state: Path) -> dict[str, Any] | None:
    """Return the recorded facts of this folder's server, if the server still runs."""
    try:
        note: dict[str, Any] = json.loads(_note_file(state).read_text())
    except (OSError, ValueError):
        return None
    return note if _is_server(note["pid"], state) else None


def _is_server(pid: int, state: Path) -> bool:
    """Return whether the process is this folder's server: the pid may belong to a new process."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(state / "settings.json") in command
