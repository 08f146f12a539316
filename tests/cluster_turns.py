"""Let cluster tests run in several processes on one cluster (pytest-xdist, ``--dist loadgroup``).

Tests that share a station stay in one process; the tests of each other file form a group. A test
with the marker ``alone`` changes machines or the control plane of the whole cluster, or measures
time: while the test runs, no other test does.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

#: Fixtures that a whole session shares; tests with the same fixture run in the same process.
_SHARED = ("federation", "station")


def group_cluster_tests(items: list[pytest.Item]) -> None:
    """Give each cluster test the name of its group."""
    for item in items:
        if item.get_closest_marker("cluster"):
            item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    fixtures, module = getattr(item, "fixturenames", ()), getattr(item, "module", None)
    # A file with a fixture of the same name has a station of its own.
    shared = [name for name in _SHARED if name in fixtures and not hasattr(module, name)]
    return shared[0] if shared else item.path.stem


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
