"""The command line: arguments in, exit codes out. No rules in here.

Exit codes: 0 well; 1 failed; 2 wrong usage or configuration; 4 no cluster.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

from node_poc import __version__
from node_poc.audit.chain import parse_head
from node_poc.cluster.connect import NoClusterError
from node_poc.commands.audit import EXIT_CODES as AUDIT_EXIT_CODES
from node_poc.commands.audit import Filter, parse_since, show_audit, verify_audit
from node_poc.commands.check import EXIT_CODES, check
from node_poc.commands.columns import tell_columns
from node_poc.commands.create_private_key import create_private_key
from node_poc.commands.doctor.command import EXIT_CODES as DOCTOR_EXIT_CODES
from node_poc.commands.doctor.command import HELP as DOCTOR_HELP
from node_poc.commands.doctor.command import add_options as add_doctor_options
from node_poc.commands.doctor.command import doctor_as_asked
from node_poc.commands.proxy import serve
from node_poc.commands.render import WHAT, RenderError, render
from node_poc.commands.runs import show_runs
from node_poc.config.load import ConfigError, load_config
from node_poc.config.model import NodeConfig
from node_poc.crypto.errors import PrivateKeyError
from node_poc.node import run_node
from node_poc.observe.health import HEALTH_PORT
from node_poc.observe.logging_setup import set_up_logging
from node_poc.storage.authorities import TrustError, trust_the_sites_authorities
from node_poc.storage.records import StorageError

_CONFIG_VARIABLE = "V6_NODE_CONFIG"
_CONFIG = Path(os.environ.get(_CONFIG_VARIABLE) or Path(__file__).with_name("node_config.yaml"))
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  argparse has no public name for it
_KEY_FILE = Path("private_key.pem")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = _parser().parse_args(arguments)
    if "output" in options:  # create-private-key: must work before a configuration file exists
        return create_private_key(options.output, overwrite=options.overwrite)
    if "root" in options:  # columns: only the node may fail on a wrong file
        return tell_columns(options.config, options.root, options.columns_file)
    try:
        config = load_config(options.config)
    except ConfigError as error:
        return _fail(2, str(error))
    command: int = options.command(options, config)
    return command


def _fail(code: int, text: str) -> int:
    print(f"error: {text}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m node_poc", description="A vantage6 node whose containers are Jobs."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run, proxy = _add_served_commands(commands)
    runs = commands.add_parser("runs", help="show this node's runs, as the cluster sees them")
    runs.add_argument("--context", help="kubeconfig context, outside a pod (default: current)")
    runs.add_argument("--namespace", help="look there (default: the configured one)")
    runs.add_argument("--watch", action="store_true", help="follow them until Ctrl-C")
    runs.add_argument("--json", action="store_true", help="JSON instead of a table")
    runs.set_defaults(command=_runs)

    checked = _add_check_command(commands)
    examined = _add_doctor_command(commands)
    render = commands.add_parser(
        "render",
        help="print Kubernetes objects made from the file",
        epilog="WHAT is one of:\n" + "".join(f"  {what:18}{text}\n" for what, text in WHAT),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    render.add_argument(
        "what", choices=[what for what, _ in WHAT], metavar="WHAT", help="see below"
    )
    render.add_argument("--image", help="of the node and its proxy (default: as configured)")
    render.set_defaults(command=_render)

    others = [*_add_audit_commands(commands), _add_columns_command(commands)]
    _add_key_command(commands)
    for command in (run, proxy, runs, checked, examined, render, *others):
        command.add_argument(
            "--config",
            type=Path,
            default=_CONFIG,
            metavar="FILE",
            help=f"default: {_CONFIG_VARIABLE}, or %(default)s",
        )
    return parser


def _add_check_command(commands: _Commands) -> argparse.ArgumentParser:
    checked = commands.add_parser(
        "check",
        help="list mistakes in the configuration file and in the files that it names",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    checked.add_argument(
        "--elsewhere",
        action="store_true",
        help="pods run on other machines: look for no database on this one",
    )
    checked.add_argument(
        "--online", action="store_true", help="ask the server too; it changes nothing there"
    )
    checked.set_defaults(command=_check)
    return checked


def _add_doctor_command(commands: _Commands) -> argparse.ArgumentParser:
    examined = commands.add_parser(
        "doctor",
        help=DOCTOR_HELP,
        epilog=DOCTOR_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    examined.add_argument("--context", help="kubeconfig context, outside a pod (default: current)")
    add_doctor_options(examined)
    examined.set_defaults(command=_doctor)
    return examined


def _add_audit_commands(commands: _Commands) -> list[argparse.ArgumentParser]:
    audit = commands.add_parser("audit", help="show or verify the node's audit trail")
    kinds = audit.add_subparsers(required=True, metavar="show|verify")
    add = partial(
        kinds.add_parser,
        epilog=AUDIT_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    show = add("show", help="list the entries, oldest first")
    show.add_argument("--run", type=int, metavar="ID", help="of this run only")
    show.add_argument("--task", type=int, metavar="ID", help="of this task's runs only")
    show.add_argument("--since", metavar="TIME", help="2026-01-31T08:00, or 90m, 2h, 7d ago")
    show.add_argument("--json", action="store_true", help="the lines as they are stored")
    show.set_defaults(command=_audit_show)
    verified = add("verify", help="look for lines changed, dropped or cut")
    verified.add_argument("--context", help="kubeconfig context, outside a pod (default: current)")
    verified.add_argument("--offline", action="store_true", help="do not ask the cluster")
    verified.add_argument(
        "--head", action="append", default=[], metavar="N:HASH", help="from the node's log"
    )
    verified.set_defaults(command=_audit_verify)
    return [show, verified]


def _add_served_commands(commands: _Commands) -> list[argparse.ArgumentParser]:
    run = commands.add_parser("run", help="run the node until SIGTERM or Ctrl-C")
    run.add_argument("--context", help="kubeconfig context, outside a pod (default: current)")
    run.set_defaults(command=_run)
    proxy = commands.add_parser("proxy", help="run the proxy until SIGTERM or Ctrl-C")
    proxy.set_defaults(command=_proxy)
    for served in (run, proxy):
        served.add_argument("--health-port", type=int, default=HEALTH_PORT, metavar="PORT")
        served.add_argument(
            "--log-format", choices=["json", "text"], help="default: text on a terminal"
        )
    return [run, proxy]


def _add_columns_command(commands: _Commands) -> argparse.ArgumentParser:
    columns = commands.add_parser("columns", help="tell the node in this pod of csv columns")
    columns.add_argument("--root", type=Path, default=Path("/"), metavar="FOLDER")
    columns.add_argument("--output", dest="columns_file", type=Path, required=True, metavar="FILE")
    return columns


def _add_key_command(commands: _Commands) -> None:
    key = commands.add_parser("create-private-key", help="make a key pair for the organization")
    key.add_argument("-o", "--output", type=Path, default=_KEY_FILE, metavar="FILE")
    key.add_argument("--overwrite", action="store_true", help="replace the key that is there")


def _set_up_logging(options: argparse.Namespace, config: NodeConfig) -> None:
    as_json = options.log_format == "json" or (
        options.log_format is None and not sys.stdout.isatty()
    )
    set_up_logging(config.logging.level, as_json=as_json)


def _proxy(options: argparse.Namespace, config: NodeConfig) -> int:
    _set_up_logging(options, config)
    try:
        trust_the_sites_authorities(config, options.config.parent)
        serve(config, options.config.parent, health_port=options.health_port)
    except TrustError as error:
        return _fail(2, str(error))
    except (PrivateKeyError, OSError) as error:
        return _fail(1, str(error))
    return 0


def _run(options: argparse.Namespace, config: NodeConfig) -> int:
    _set_up_logging(options, config)
    try:
        trust_the_sites_authorities(config, options.config.parent)
        ended_well = run_node(
            config,
            options.config.parent,
            context=options.context,
            health_port=options.health_port,
        )
    except NoClusterError as error:
        return _fail(4, str(error))
    except TrustError as error:
        return _fail(2, str(error))
    except (StorageError, PrivateKeyError, OSError) as error:
        return _fail(1, str(error))
    return 0 if ended_well else 1


def _runs(options: argparse.Namespace, config: NodeConfig) -> int:
    return show_runs(
        config,
        context=options.context,
        namespace=options.namespace,
        watch=options.watch,
        as_json=options.json,
        out=sys.stdout,
    )


def _check(options: argparse.Namespace, config: NodeConfig) -> int:
    return check(
        config,
        options.config,
        sys.stdout,
        sys.stderr,
        elsewhere=options.elsewhere,
        online=options.online,
    )


def _doctor(options: argparse.Namespace, config: NodeConfig) -> int:
    return doctor_as_asked(options, config, options.config)


def _audit_show(options: argparse.Namespace, config: NodeConfig) -> int:
    try:
        since = parse_since(options.since, datetime.now(UTC)) if options.since else None
    except ValueError as error:
        return _fail(2, f"--since: {error}")
    wanted = Filter(options.run, options.task, since)
    return show_audit(config, wanted, as_json=options.json, out=sys.stdout)


def _audit_verify(options: argparse.Namespace, config: NodeConfig) -> int:
    try:
        heads = [parse_head(text) for text in options.head]
    except ValueError as error:
        return _fail(2, f"--head: {error}")
    return verify_audit(
        config,
        heads=heads,
        context=options.context,
        offline=options.offline,
        out=sys.stdout,
    )


def _render(options: argparse.Namespace, config: NodeConfig) -> int:
    try:
        print(render(options.what, config, options.config, options.image), end="")
    except RenderError as error:
        return _fail(2, str(error))
    return 0
