"""Run other programs, and print the steps."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class DemoError(Exception):
    """The demo cannot continue. The text has reason and remedy."""


@contextmanager
def step(text: str) -> Iterator[None]:
    """Print a step and its duration."""
    print(f"==> {text}", flush=True)
    began = time.monotonic()
    yield
    print(f"    done in {time.monotonic() - began:.1f} s", flush=True)


def run(arguments: list[str], *, cwd: Path = ROOT) -> None:
    """Run a command and show its output to the user. Raise DemoError if the command fails."""
    print(f"    $ {' '.join(arguments)}", flush=True)
    code = subprocess.run(arguments, cwd=cwd, check=False).returncode
    if code:
        raise DemoError(f"`{' '.join(arguments)}` ended with exit code {code}; see above")


def read(arguments: list[str], *, text_in: str | None = None) -> str:
    """Run a command and return its output. Raise DemoError if the command fails."""
    done = subprocess.run(
        arguments, cwd=ROOT, check=False, capture_output=True, text=True, input=text_in
    )
    if done.returncode:
        told = done.stderr.strip() or done.stdout.strip()
        raise DemoError(f"`{' '.join(arguments)}` failed: {told}")
    return done.stdout


def devcluster(*arguments: str) -> list[str]:
    """Return a command line of the dev cluster's own tool."""
    return [sys.executable, "-m", "devcluster", *arguments]


def kubectl(*arguments: str) -> list[str]:
    """Return a kubectl command line for the cluster in use: the dev cluster, or CONTEXT's."""
    return devcluster("kubectl", "--", *arguments)


def cluster_settings() -> dict[str, str]:
    """Return the output of ``python3 -m devcluster env`` as a dict."""
    lines = read(devcluster("env")).splitlines()
    pairs = (line.removeprefix("export ").partition("=") for line in lines if "=" in line)
    return {key: value.strip("'\"") for key, _, value in pairs}


def existing_context() -> str | None:
    """Return the user's kubectl context in place of the dev cluster, if any."""
    return os.environ.get("CONTEXT") or None
