"""The arguments that all commands of ``v6-node`` have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from node_poc.manage.completion import names_of_nodes
from node_poc.manage.session import EXIT_CODES, Options

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  argparse has no public name for it
Run = Callable[[argparse.Namespace], int]


def add_parser(
    commands: Commands, name: str, text: str, example: str, more: str = ""
) -> argparse.ArgumentParser:
    """Add a command without options; ``example`` and the sentence ``more`` stand in its help."""
    return commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}. {more}".strip(),
        epilog=f"example:\n  {example}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add(
    commands: Commands, name: str, text: str, example: str, run: Run
) -> argparse.ArgumentParser:
    """Add a command with the options of all commands; ``example`` stands in its help."""
    made = add_parser(commands, name, text, example)
    named = made.add_argument("-n", "--name", help="of the node: its file is <name>.yaml")
    named.completer = names_of_nodes  # type: ignore[attr-defined]  # argcomplete reads this
    made.add_argument("--config", type=Path, metavar="FILE", help="a file instead of a name")
    where = made.add_mutually_exclusive_group()
    where.add_argument(
        "--system", action="store_true", help="files in /etc/vantage6/node, of the machine"
    )
    where.add_argument(
        "--user", action="store_true", help="files in ~/.config/vantage6/node (default)"
    )
    made.add_argument("--context", help="kubeconfig context (default: the current one)")
    made.add_argument("--namespace", help="instead of the file's kubernetes.namespace")
    made.set_defaults(run=run)
    return made


def options_of(given: argparse.Namespace) -> Options:
    """Return the options that all commands have in common."""
    return Options(
        name=given.name,
        config=given.config,
        is_system=given.system,
        context=given.context,
        namespace=given.namespace,
        image=getattr(given, "image", None),
    )


def add_image_option(made: argparse.ArgumentParser) -> None:
    """Add the option for the image of node and proxy."""
    made.add_argument("-i", "--image", help="of node and proxy (default: as configured)")
