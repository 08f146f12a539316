"""Let cluster tests run in several processes on one cluster (pytest-xdist, ``--dist loadgroup``).

Files that share a station stay in one process; each other file is a group of its own. A test
with the marker ``alone`` changes machines or the control plane of the whole cluster, or measures
time: while the test runs, no other test does.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

_STATION, _SERVER, _FEDERATION = "station", "server", "federation"


def group_of(path: Path, text: str) -> str:
    """Return the group of a file of cluster tests, which run in one process.

    Args:
        path: of the file, below the repository.
        text: of the file. A file that defines a shared fixture itself is a group of its own.
    """
    defined = set(re.findall(r"^def (\w+)\(", text, re.MULTILINE))
    if path.parent.name == "command":
        return _SERVER
    if path.parent.name == "vantage6":
        return path.stem if _SERVER in defined else _FEDERATION
    is_asked = re.search(rf"^def \w+\([^)]*\b{_STATION}\b", text, re.MULTILINE) is not None
    return _STATION if is_asked and _STATION not in defined else path.stem


class Groups(LoadFileScheduling):
    """Sends each group of cluster tests to one process.

    pytest-xdist's own groups (``xdist_group``) have no effect with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        return group_of(path, (self.config.rootpath / path).read_text(encoding="utf-8"))


class Turns:
    """Keeps a turn while a test runs, with others or alone, on the cluster that the tests use.

    A test that waits for its turn alone holds the door, so that no other test begins before.
    """

    def __init__(self, folder: Path, cluster: str) -> None:
        """Keep the locks in ``folder``; processes with the same ``cluster`` share them."""
        folder.mkdir(parents=True, exist_ok=True)
        self._door = folder / f"{cluster}.tests-door.lock"
        self._room = folder / f"{cluster}.tests.lock"

    @contextmanager
    def turn(self, *, alone: bool) -> Iterator[None]:
        """Wait for a turn, and hold the turn while the block runs."""
        with self._room.open("w") as room:
            with self._door.open("w") as door:
                fcntl.flock(door, fcntl.LOCK_EX)
                fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield


class TurnPlugin:
    """Takes a turn for each cluster test, its fixtures included.

    A file's tests that run alone one after the other keep one turn, because they share fixtures
    that change the cluster.
    """

    def __init__(self, turns: Turns) -> None:
        """Take turns from ``turns``."""
        self._turns = turns
        self._held: ExitStack | None = None

    # Outermost, because the time limit of a test does not include the waiting for its turn.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Iterator[Any]:
        """Run a cluster test within a turn."""
        if not item.get_closest_marker("cluster"):
            return (yield)
        if self._held is None:
            self._held = ExitStack()
            self._held.enter_context(self._turns.turn(alone=_is_alone(item)))
        try:
            return (yield)
        finally:
            if nextitem is None or not _keeps_turn(item, nextitem):
                self._held.close()
                self._held = None


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


def _keeps_turn(item: pytest.Item, following: pytest.Item) -> bool:
    return _is_alone(item) and _is_alone(following) and item.path == following.path
