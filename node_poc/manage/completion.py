"""Completion of ``v6-node`` in a shell: commands, options, and the names of nodes."""

from __future__ import annotations

import argparse
import os

import argcomplete
from argcomplete.shell_integration import shellcode

from node_poc.manage.files import place
from node_poc.manage.session import WELL

SHELLS = ("bash", "zsh", "fish")
# argcomplete's variable: the shell asks for completions, and reads them from a pipe.
_ASKED = "_ARGCOMPLETE"


def answer_the_shell(parser: argparse.ArgumentParser) -> None:
    """Write the completions and end the process, if the shell asks for them."""
    if _ASKED in os.environ:
        argcomplete.autocomplete(parser)


def names_of_nodes(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Return the names of the nodes that have a file, for ``--name``."""
    is_system = getattr(parsed_args, "system", False)
    return [name for name in place(is_system=is_system).names() if name.startswith(prefix)]


def show_completion(shell: str) -> int:
    """Print the lines that make a shell complete ``v6-node``."""
    print(shellcode(["v6-node"], shell=shell))
    return WELL
