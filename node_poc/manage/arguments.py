"""The arguments of ``v6-node``. Names and meaning of the commands are those of ``v6 node``."""

from __future__ import annotations

import argparse

from node_poc import __version__
from node_poc.commands.doctor.command import HELP as DOCTOR_HELP
from node_poc.commands.doctor.command import add_options as add_doctor_options
from node_poc.commands.doctor.command import doctor_as_asked
from node_poc.manage.clean import clean
from node_poc.manage.common_arguments import Commands, add, add_image_option, add_parser, options_of
from node_poc.manage.completion import SHELLS, show_completion
from node_poc.manage.diff import diff
from node_poc.manage.export.arguments import add_export
from node_poc.manage.facts import files, version
from node_poc.manage.file_arguments import add_files, add_image
from node_poc.manage.logs import show_log
from node_poc.manage.overview import list_nodes, status
from node_poc.manage.remove import RemoveOptions, remove
from node_poc.manage.session import WELL
from node_poc.manage.start import StartOptions, start
from node_poc.manage.stop import restart_pods, stop
from node_poc.manifests import identity

_LINES = 200
_WAIT_SECONDS = 180.0


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; the parsed arguments have the function to call in ``run``."""
    parser = argparse.ArgumentParser(
        prog="v6-node", description="Make, start, watch and remove vantage6 nodes on Kubernetes."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_files(commands)
    _add_start(commands)
    _add_stop(commands)
    _add_shown(commands)
    _add_doctor(commands)
    _add_logs(commands)
    _add_remove(commands)
    add_image(commands)
    add_export(commands)
    _add_completion(commands)
    return parser


def _add_completion(commands: Commands) -> None:
    made = add_parser(
        commands,
        "completion",
        "print the lines that make a shell complete v6-node",
        "v6-node completion bash",
        "In ~/.bashrc, write: source <(v6-node completion bash)",
    )
    made.add_argument("shell", choices=SHELLS)
    made.set_defaults(run=lambda given: show_completion(given.shell))


def _add_start(commands: Commands) -> None:
    made = add(
        commands,
        "start",
        "start a node, or bring a running node to its file",
        "v6-node start --name hospital-a",
        _start,
    )
    again = add(
        commands,
        "restart",
        "stop a node and start it with its file",
        "v6-node restart --name hospital-a",
        _restart,
    )
    for each in (made, again):
        add_image_option(each)
        each.add_argument(
            "--wait",
            type=float,
            default=_WAIT_SECONDS,
            metavar="SECONDS",
            help="longest wait until the node is online; 0: do not wait (default: %(default)g)",
        )
        each.add_argument(
            "--keep", action="store_true", help="leave a node that does not come up as it is"
        )
    made.add_argument("--dry-run", action="store_true", help="show the changes, change nothing")
    made.add_argument("-o", "--output", choices=["yaml", "json"], help="only print the objects")
    made.add_argument("--attach", action="store_true", help="show the log afterwards")
    differing = add(
        commands,
        "diff",
        "show how the file differs from the cluster (exit code 1 if it does)",
        "v6-node diff --name hospital-a",
        lambda given: diff(options_of(given)),
    )
    add_image_option(differing)


def _start_options(given: argparse.Namespace) -> StartOptions:
    return StartOptions(
        dry_run=getattr(given, "dry_run", False),
        output=getattr(given, "output", None),
        wait_seconds=given.wait,
        keep=given.keep,
    )


def _start(given: argparse.Namespace) -> int:
    code = start(options_of(given), _start_options(given))
    if given.attach and code == WELL:
        return show_log(options_of(given), component="node", follow=True, lines=_LINES)
    return code


def _restart(given: argparse.Namespace) -> int:
    options = options_of(given)
    restart_pods(options)
    return start(options, _start_options(given))


def _add_stop(commands: Commands) -> None:
    made = add(
        commands,
        "stop",
        "stop a node; its runs go on, and the next start takes them over",
        "v6-node stop --name hospital-a",
        lambda given: stop(options_of(given), force=given.force, every=given.all),
    )
    made.add_argument("--all", action="store_true", help="all nodes that have a file")
    made.add_argument("--force", action="store_true", help="end node and runs at once")


def _add_shown(commands: Commands) -> None:
    shown = add(
        commands,
        "list",
        "list the nodes of the cluster, and files without a node",
        "v6-node list",
        lambda given: list_nodes(options_of(given), output=given.output),
    )
    one = add(
        commands,
        "status",
        "show whether a node is online, and if not, the reason",
        "v6-node status --name hospital-a",
        lambda given: status(options_of(given), output=given.output),
    )
    for each in (shown, one):
        each.add_argument("-o", "--output", choices=["json"], help="JSON instead of text")
    add(
        commands,
        "files",
        "show where configuration, data, databases and log are",
        "v6-node files --name hospital-a",
        lambda given: files(options_of(given)),
    )
    add(
        commands,
        "version",
        "show the version of this command and, with --name, of a running node",
        "v6-node version --name hospital-a",
        lambda given: version(options_of(given), is_chosen=bool(given.name or given.config)),
    )


def _add_doctor(commands: Commands) -> None:
    made = add(commands, "doctor", DOCTOR_HELP, "v6-node doctor --name hospital-a", _doctor)
    add_doctor_options(made)


def _doctor(given: argparse.Namespace) -> int:
    chosen = options_of(given).chosen()
    return doctor_as_asked(given, chosen.config, chosen.path)


def _add_logs(commands: Commands) -> None:
    for name, text in (
        ("logs", "show the log of a node"),
        ("attach", "follow the log of a node; Ctrl-C detaches"),
    ):
        made = add(commands, name, text, f"v6-node {name} --name hospital-a", _logs)
        made.add_argument("--proxy", action="store_true", help="of the proxy instead of the node")
        made.add_argument("--lines", type=int, default=_LINES, metavar="N", help="last lines")
        made.add_argument("-f", "--follow", action="store_true", default=name == "attach")


def _logs(given: argparse.Namespace) -> int:
    component = identity.COMPONENT_PROXY if given.proxy else identity.COMPONENT_NODE
    return show_log(options_of(given), component=component, follow=given.follow, lines=given.lines)


def _add_remove(commands: Commands) -> None:
    made = add(
        commands,
        "remove",
        "remove a node from the cluster, and its configuration file",
        "v6-node remove --name hospital-a",
        lambda given: remove(
            options_of(given),
            RemoveOptions(force=given.force, yes=given.yes, keep_file=given.keep_file),
        ),
    )
    made.add_argument("-f", "--force", action="store_true", help="also a running node; no question")
    made.add_argument("-y", "--yes", action="store_true", help="no question")
    made.add_argument("--keep-file", action="store_true", help="leave the configuration file")
    cleaned = add(
        commands,
        "clean",
        "remove the Jobs of ended runs whose results the server has",
        "v6-node clean --name hospital-a",
        lambda given: clean(options_of(given), yes=given.yes),
    )
    cleaned.add_argument("-y", "--yes", action="store_true", help="no question")
