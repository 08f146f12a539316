"""Cluster tests in several processes: groups, and turns alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster_turns import TurnPlugin, Turns, group_of

PATIENCE_SECONDS = 10.0


class Visitor:
    """Takes a turn in a thread of its own, and keeps the turn until told to leave."""

    def __init__(self, folder: Path, *, alone: bool) -> None:
        self.inside = threading.Event()
        self.leave = threading.Event()
        self._turns = Turns(folder, "c")
        self._alone = alone
        self._thread = threading.Thread(target=self._visit, daemon=True)
        self._thread.start()

    def _visit(self) -> None:
        with self._turns.turn(alone=self._alone):
            self.inside.set()
            self.leave.wait(PATIENCE_SECONDS)

    def enters(self) -> bool:
        return self.inside.wait(PATIENCE_SECONDS)

    def waits(self) -> bool:
        return not self.inside.wait(0.05)

    def go(self) -> None:
        self.leave.set()
        self._thread.join(PATIENCE_SECONDS)


def test_tests_run_beside_each_other(tmp_path: Path) -> None:
    first, second = (Visitor(tmp_path, alone=False) for _ in range(2))
    assert first.enters()
    assert second.enters()


def test_a_test_alone_waits_for_the_others_and_keeps_new_ones_out(tmp_path: Path) -> None:
    early = Visitor(tmp_path, alone=False)
    assert early.enters()
    alone = Visitor(tmp_path, alone=True)
    assert alone.waits()
    late = Visitor(tmp_path, alone=False)
    assert late.waits()

    early.go()
    assert alone.enters()
    assert late.waits()

    alone.go()
    assert late.enters()
    late.go()


@dataclass
class Item:
    """A collected test."""

    name: str
    path: Path
    marks: tuple[str, ...] = ("cluster",)

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.marks else None


class Diary(Turns):
    """Notes the turns instead of taking them."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @contextmanager
    def turn(self, *, alone: bool) -> Iterator[None]:
        self.notes.append("alone" if alone else "beside others")
        yield
        self.notes.append("over")


def _run(diary: Diary, *items: Item) -> list[str]:
    plugin = TurnPlugin(diary)
    for item, following in zip(items, (*items[1:], None), strict=True):
        protocol = plugin.pytest_runtest_protocol(item, following)
        next(protocol)
        diary.notes.append(item.name)
        with pytest.raises(StopIteration):
            protocol.send(True)
    return diary.notes


def test_tests_alone_of_one_file_keep_their_turn() -> None:
    loss, doctor, kill = Path("test_loss.py"), Path("test_doctor.py"), Path("test_kill.py")
    alone = ("cluster", "alone")
    found = _run(
        Diary(),
        Item("a", loss, alone),
        Item("b", loss, alone),
        Item("c", doctor, alone),
        Item("d", kill),
        Item("e", kill),
        Item("f", Path("test_unit.py"), ()),
    )
    assert " ".join(found) == (
        "alone a b over alone c over beside others d over beside others e over f"
    )


@pytest.mark.parametrize(
    ("path", "text", "group"),
    [
        ("tests/cluster/test_kill.py", "def test_kill(station: DummyStation):", "station"),
        ("tests/cluster/test_doctor.py", "def station(cluster):\n    ...", "test_doctor"),
        ("tests/cluster/test_kill.py", "def a(\n    x: X, station: Y\n):", "station"),
        ("tests/cluster/test_orphans.py", "def a(x):\n    station = 1", "test_orphans"),
        ("tests/devcluster/test_lifecycle.py", "def test_life():", "test_lifecycle"),
        ("tests/cluster/vantage6/test_v6_kill.py", "def test_kill(asking):", "federation"),
        ("tests/cluster/vantage6/test_v6_command.py", "def server(cluster):", "test_v6_command"),
        ("tests/cluster/vantage6/command/test_v6_runs.py", "def test_run(node):", "server"),
    ],
)
def test_files_that_share_a_station_are_one_group(path: str, text: str, group: str) -> None:
    assert group_of(Path(path), text) == group
