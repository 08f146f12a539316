"""The dev cluster that is running, for tests of its network."""

import os
import subprocess
import time
from collections.abc import Callable

from devcluster import target
from devcluster.layout import Layout

LAYOUT = Layout.chosen(os.environ)
CHOSEN = target.resolve(LAYOUT, {})


def kubectl(*words: str, stdin: str | None = None) -> str:
    result = subprocess.run(
        [*CHOSEN.kubectl, *words], input=stdin, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def wait_for(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 90
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)
