"""The emitter's commands `list`, `status` and `kill`."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from emitter_common import COMPLETED, ENDED_OTHERWISE, STOPPED, UsageError, asking
from run_table import line, show_details, show_table

GONE = ("killed", "already ended")


def add_list_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `list`."""
    parser.add_argument("--json", action="store_true", help="the node's answer as JSON")


def run_list(options: argparse.Namespace) -> int:
    """Print the node's runs, the newest first."""
    with asking(options) as asker:
        answer = asker.ask("list_request", {}, "runs", list)
    if options.json:
        print_json(answer)
    elif answer["runs"]:
        show_table(answer["runs"], sys.stdout, datetime.now(UTC))
        if answer.get("more"):
            sys.stdout.write(f"and {line(answer['more'])} older runs, too many for one answer\n")
    else:
        sys.stdout.write("the node has no runs\n")
    return COMPLETED


def add_status_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `status`."""
    parser.add_argument("run_id", type=int, metavar="RUN", help="the run's number")
    parser.add_argument("--json", action="store_true", help="the run's summary as JSON")


def run_status(options: argparse.Namespace) -> int:
    """Print all that the node knows of one run."""
    with asking(options) as asker:
        run = asker.ask("status_request", {"run_id": options.run_id}, "run", dict)["run"]
    if options.json:
        print_json(run)
    else:
        show_details(run, sys.stdout, datetime.now(UTC))
    return COMPLETED


def add_kill_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `kill`."""
    parser.add_argument("run_ids", type=int, nargs="*", metavar="RUN", help="runs to kill")
    parser.add_argument("--all", action="store_true", help="kill all runs that have not ended")
    parser.add_argument("--yes", action="store_true", help="do not ask before --all")
    parser.add_argument("--json", action="store_true", help="the node's answer as JSON")


def run_kill(options: argparse.Namespace) -> int:
    """Kill runs and print the outcome for each run."""
    if options.all == bool(options.run_ids):
        raise UsageError("kill: give the numbers of the runs, or --all")
    if options.all and not options.yes and not confirmed():
        sys.stderr.write("nothing was killed\n")
        return STOPPED
    asked = list(dict.fromkeys(options.run_ids))
    question: dict[str, Any] = {"all": True} if options.all else {"run_ids": asked}
    with asking(options) as asker:
        answer = asker.ask("kill_request", question, "outcomes", list)
    outcomes = complete(answer["outcomes"], asked)
    if options.json:
        print_json(answer)
    else:
        for outcome in outcomes:
            sys.stdout.write(f"{line_of(outcome)}\n")
        if not outcomes:
            sys.stdout.write("no run had to be killed\n")
    good = all(outcome.get("outcome") in GONE for outcome in outcomes)
    return COMPLETED if good else ENDED_OTHERWISE


def confirmed() -> bool:
    """Ask the user at the terminal; without a terminal there is no user to ask."""
    if not sys.stdin.isatty():
        return True
    sys.stderr.write("Kill all runs that have not ended? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def complete(outcomes: list[Any], asked: list[int]) -> list[dict[str, Any]]:
    """Return the outcomes, with an empty outcome for each unreadable or missing entry."""
    readable = [outcome if isinstance(outcome, dict) else {} for outcome in outcomes]
    named = [outcome.get("run_id") for outcome in readable]
    return readable + [{"run_id": run_id} for run_id in asked if run_id not in named]


def line_of(outcome: dict[str, Any]) -> str:
    """Return the line for one run."""
    head = f"run {line(outcome.get('run_id'))}: {line(outcome.get('outcome') or 'no answer')}"
    if outcome.get("reason"):
        return f"{head}, {line(outcome['reason'])}"
    status = outcome.get("status")
    return head if status is None else f"{head} ({line(status)})"


def print_json(value: Any) -> None:
    """Print a JSON document; DEL is escaped too, so the output cannot steer a terminal."""
    text = json.dumps(value, indent=2, default=repr)
    sys.stdout.write(text.replace("\x7f", "\\u007f") + "\n")
