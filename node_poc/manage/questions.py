"""The questionnaire of ``v6-node new``: options first, a person's answers for what is missing."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from node_poc.config.load import API_KEY_VARIABLE
from node_poc.manage.new import Answers, new, new_path
from node_poc.manage.session import WRONG, CommandError, Options, ask

_DEFAULT_PATH = "/api"
_DEFAULT_PORT = 443


def add_arguments(made: argparse.ArgumentParser) -> None:
    """Add the options of ``new``."""
    made.add_argument(
        "--api-key-file", type=Path, metavar="FILE", help=f"instead of {API_KEY_VARIABLE}"
    )
    made.add_argument("--server-url", help="as pods reach the server, with http:// or https://")
    made.add_argument("--port", type=int, help=f"of the server (default: {_DEFAULT_PORT})")
    made.add_argument("--api-path", help=f"of the server (default: {_DEFAULT_PATH})")
    made.add_argument("--task-dir", help="folder of this node's runs, or the path of its claim")
    made.add_argument(
        "--claims", nargs=2, default=(), metavar=("RUNS", "DATABASES"), help="volume claims"
    )
    made.add_argument(
        "--claim-sizes",
        nargs=2,
        default=(),
        metavar=("RUNS", "DATABASES"),
        help="such as 50Gi 10Gi: `start` makes the claims (default: you make them)",
    )
    made.add_argument("--storage-class", help="of the claims (default: the cluster's default)")
    made.add_argument(
        "--access-mode",
        choices=["ReadWriteMany", "ReadWriteOnce"],
        help="of the claims; ReadWriteOnce places all runs on one machine (default: ReadWriteMany)",
    )
    made.add_argument(
        "--database", action="append", metavar="LABEL=TYPE:URI", help="may be repeated"
    )
    made.add_argument("-i", "--image", help="of node and proxy")
    made.add_argument(
        "--allow", action="append", metavar="IMAGE", help="an algorithm's image; may be repeated"
    )
    made.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    made.add_argument("--private-key", metavar="FILE", help="of the organization")
    made.add_argument("--offline", action="store_true", help="do not ask the server")
    made.add_argument("--encrypted", action="store_true", help="with --offline")


def make_new(given: argparse.Namespace, options: Options) -> int:
    """Ask for missing answers, and make the file. Returns the exit code. Raises CommandError."""
    new_path(options)  # before a person answers ten questions
    port = given.port or int(ask("Port of the server", "--port", str(_DEFAULT_PORT)))
    answers = Answers(
        api_key=api_key(given.api_key_file),
        server_url=given.server_url or ask("URL of the server", "--server-url"),
        port=port,
        api_path=given.api_path
        if given.api_path is not None
        else ask("Path of the API", "--api-path", _DEFAULT_PATH),
        task_dir=given.task_dir or ask("Folder for runs", "--task-dir"),
        databases=tuple(_several(given.database, "Database (LABEL=TYPE:URI, empty: no more)")),
        claims=tuple(given.claims),
        claim_sizes=tuple(given.claim_sizes),
        storage_class=given.storage_class,
        access_mode=given.access_mode,
        image=given.image or ask("Image of the node", "--image", "") or None,
        allowed=tuple(_several(given.allow, "Image of a trusted algorithm (empty: no more)")),
        log_level=given.log_level,
        private_key=given.private_key,
        is_offline=given.offline,
        encrypted=given.encrypted,
    )
    return new(options, answers)


def api_key(file: Path | None) -> str:
    """Return the API key: from a file, a variable, or a person; never from an argument."""
    if file is not None:
        return read_key(file)
    if key := os.environ.get(API_KEY_VARIABLE):
        return key.strip()
    if not sys.stdin.isatty():
        raise CommandError(f"give the API key by --api-key-file or {API_KEY_VARIABLE}", WRONG)
    return getpass.getpass("API key of the node: ").strip()


def read_key(file: Path) -> str:
    """Return the API key in a file. Raises CommandError."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--api-key-file: {file} cannot be read ({error})", WRONG) from error


def _several(given: list[str] | None, question: str) -> list[str]:
    if given is not None or not sys.stdin.isatty():
        return given or []
    answers = []
    while answer := ask(question, "", ""):
        answers.append(answer)
    return answers
