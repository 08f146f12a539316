"""The trash: one folder for files and folders that the node removes bit by bit.

    <task_dir>/.node/trash/<name>.<time>

To remove an item, the node first renames it into the trash, which is atomic. Neither step needs
space on the disk: the node can empty a full disk.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from node_poc.storage.trees import Budget, open_folder, opened, remove_part

# How much is removed of one item before the next item has its turn.
_TURN_ENTRIES = 20_000
_TURN_SECONDS = 5.0
_ROUND_SECONDS = 300.0
_TOLD = 20


class Trash:
    """A trash folder. ``discard`` may be called while another thread empties the trash."""

    def __init__(self, folder: Path) -> None:
        """``folder`` must exist before the first call, on the file system of discarded items."""
        self._folder = folder

    def discard(self, path: Path) -> None:
        """Move a file or folder to the trash; do nothing if missing. Raises OSError."""
        there = self._folder / f"{path.name}.{time.time_ns()}"
        with suppress(FileNotFoundError):
            try:
                path.rename(there)
            except PermissionError:
                # Moving a folder needs the right to write to the folder; an algorithm may have
                # removed the right.
                with opened(path.parent) as parent:
                    os.close(open_folder(parent, path.name))
                path.rename(there)

    def empty(self, going: Callable[[], bool]) -> Iterator[str]:
        """Remove the items in the trash, in turns; yield messages about items that stay.

        Args:
            going: called before each turn; if False, the rest stays for the next call.

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
        """Give each item one turn; return whether another round can remove more."""
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
