"""The trash: what is being removed lies in one folder, and goes bit by bit.

    <task_dir>/.node/trash/<name>.<time>

What is to go is renamed into the trash, which is done at once or not at all. Nothing of it needs
room on the disk, so a full one gets empty again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from node_poc.storage.trees import Budget, open_folder, opened, remove_part

# So much is done for one thing before the next one has its turn.
_TURN_ENTRIES = 20_000
_TURN_SECONDS = 5.0
_ROUND_SECONDS = 300.0
_TOLD = 20


class Trash:
    """One folder. ``discard`` may be called while another thread empties it."""

    def __init__(self, folder: Path) -> None:
        """``folder`` must exist before the first call, on the file system of what is discarded."""
        self._folder = folder

    def discard(self, path: Path) -> None:
        """Let a file or folder go; one that is not there is fine. Raises OSError."""
        there = self._folder / f"{path.name}.{time.time_ns()}"
        with suppress(FileNotFoundError):
            try:
                path.rename(there)
            except PermissionError:
                # Only a folder that may be written can be moved; an algorithm may close its own.
                with opened(path.parent) as parent:
                    os.close(open_folder(parent, path.name))
                path.rename(there)

    def empty(self, going: Callable[[], bool]) -> Iterator[str]:
        """Remove what is in the trash, each thing in its turn; yields what cannot be removed.

        Args:
            going: asked before each turn; False: the rest stays for the next call.

        Raises:
            OSError: the trash cannot be read.
        """
        until = time.monotonic() + _ROUND_SECONDS
        stuck: dict[str, str] = {}
        while self._take_turns(lambda: going() and time.monotonic() < until, stuck):
            pass
        for name, why in stuck.items():
            yield f"{self._folder / name}: {why}"

    def _take_turns(self, going: Callable[[], bool], stuck: dict[str, str]) -> bool:
        """Give each thing one turn; returns whether another round of turns is of use."""
        again = False
        with opened(self._folder) as trash, os.scandir(trash) as things:
            for thing in things:
                if not going():
                    return False
                done = remove_part(trash, thing.name, Budget(_TURN_ENTRIES, _TURN_SECONDS))
                again = again or (done.steps > 0 and not done.gone)
                if done.error is not None and not done.steps and len(stuck) < _TOLD:
                    stuck[thing.name] = str(done.error.strerror)
        return again
