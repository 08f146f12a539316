"""Run other programs from the repository's top folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devstation.errors import StationError

ROOT = Path(__file__).resolve().parent.parent

#: Shows a line of progress to the user.
Tell = Callable[[str], None]


def quiet(_: str) -> None:
    """Show no progress."""


def run(arguments: Sequence[str]) -> None:
    """Run a command and show its output to the user. Raise StationError if the command fails."""
    print(f"    $ {' '.join(arguments)}", flush=True)
    code = subprocess.run(arguments, cwd=ROOT, check=False).returncode
    if code:
        raise StationError(f"`{' '.join(arguments)}` ended with exit code {code}; see above")


def read(
    arguments: Sequence[str],
    *,
    text_in: str | None = None,
    environment: Mapping[str, str] | None = None,
    check: bool = True,
) -> str:
    """Run a command and return its output.

    Args:
        arguments: program and arguments.
        text_in: standard input of the program.
        environment: variables beside those of this process.
        check: without, the output of a failed command is returned, together with its error output.

    Raises:
        StationError: the command failed; the text has its error output.
    """
    done = subprocess.run(
        arguments,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        input=text_in,
        env={**os.environ, **(environment or {})},
    )
    if not check:
        return done.stdout + done.stderr
    if done.returncode:
        output = done.stderr.strip() or done.stdout.strip()
        raise StationError(f"`{' '.join(arguments)}` failed: {output}")
    return done.stdout
