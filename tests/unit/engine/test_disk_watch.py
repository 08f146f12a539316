"""The node checks the disk while runs are active: the usage of each run, and the free space."""

import os
import threading
import time
from types import SimpleNamespace

import pytest

from node_poc.engine import disk_watch
from node_poc.engine.disk_watch import DiskWatch
from node_poc.storage.records import Records, RunRecord
from node_poc.storage.usage import Usage
from tests.fakes.examples import config, spec
from tests.fakes.station import eventually

MIB = 2**20


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(disk_watch, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(disk_watch, "_ROOM_SECONDS", 0.02)


class Watched:
    """A disk watch over a single folder, and the watch's reports."""

    def __init__(self, task_dir, min_free="1Mi", **limits):
        self.task_dir = task_dir
        self.records = Records(task_dir)
        self.records.prepare()
        made = config(limits=limits, storage={"min_free": min_free})
        self.passed = []
        self.rooms = []
        self.watch = DiskWatch(
            made.model_copy(update={"task_dir": str(task_dir)}),
            self.records,
            lambda *told: self.passed.append(told),
            self.rooms.append,
        )

    def start(self):
        self.watch.start()

    def run(self, run_id=7):
        for folder in (f"{run_id}/output", "tmp/vol"):
            (self.task_dir / folder).mkdir(parents=True, exist_ok=True)
        self.records.write_run(RunRecord(spec(run_id), "digest", 1.0))
        self.watch.follow(run_id)
        return self.task_dir / f"{run_id}/output"


@pytest.fixture
def watched(tmp_path):
    made = []

    def make(**options):
        made.append(Watched(tmp_path, **options))
        made[0].start()
        return made[0]

    yield make
    for each in made:
        each.watch.stop()


@pytest.mark.parametrize("where", ["7/output", "tmp/vol"])
def test_a_run_that_writes_too_much_is_told_once_and_looked_at_no_more(watched, where):
    station = watched(output_size="1Mi")
    station.run()
    (station.task_dir / where / "large").write_bytes(b"x" * 2 * MIB)
    run_id, failure = eventually(lambda: station.passed)[0]
    assert (run_id, failure.cause) == (7, "DiskLimitExceeded")
    assert "kubernetes.limits.output_size is 1Mi" in failure.site_detail
    assert str(station.task_dir) not in failure.site_detail
    time.sleep(0.1)
    assert len(station.passed) == 1


def test_a_run_that_grows_is_noticed_at_a_later_look(watched):
    station = watched(output_files=10)
    output = station.run()
    for number in range(10):
        (output / str(number)).touch()
    assert station.watch.check_at_end(spec()) is None
    (output / "one-more").touch()
    _, failure = eventually(lambda: station.passed)[0]
    assert "kubernetes.limits.output_files 10" in failure.site_detail


def test_a_neighbour_within_its_limit_goes_on(watched):
    station = watched(output_size="1Mi")
    station.run(8)
    (station.run(7) / "large").write_bytes(b"x" * 2 * MIB)
    eventually(lambda: station.passed)
    assert [run_id for run_id, _ in station.passed] == [7]
    assert list(station.watch._due) == [8]


def test_a_large_tree_is_looked_at_more_rarely(watched, monkeypatch):
    def slow(*_):
        time.sleep(0.1)
        return Usage()

    monkeypatch.setattr(disk_watch, "measure", slow)
    station = watched()
    before = time.monotonic()
    station.run()
    eventually(lambda: station.watch._due[7] > before + 1.9)


def test_without_limits_nothing_is_looked_at(watched, monkeypatch):
    station = watched(output_size=None, output_files=None)
    station.run()
    assert station.watch._due == {}
    assert station.watch.check_at_end(spec()) is None


@pytest.mark.parametrize("in_vain", [1, 2])
def test_a_run_not_counted_to_its_end_fails_after_a_second_try(watched, monkeypatch, in_vain):
    left = [in_vain]

    def slow(*_):
        left[0] -= 1
        return Usage(files=3, whole=left[0] < 0)

    monkeypatch.setattr(disk_watch, "measure", slow)
    failure = watched().watch.check_at_end(spec())
    if in_vain == 1:
        assert failure is None
    else:
        assert failure.cause == "DiskLimitExceeded"
        assert "3 files and folders, and more, were not counted" in failure.site_detail


def test_an_active_run_not_counted_to_its_end_goes_on(watched, monkeypatch):
    monkeypatch.setattr(disk_watch, "measure", lambda *_: Usage(whole=False))
    assert watched().watch.check(spec(), 1.0) is None


def test_a_run_that_is_forgotten_or_whose_record_is_damaged_stops_no_other(watched):
    station = watched(output_files=1)
    (station.run(8) / "a").touch()
    (station.task_dir / "8/run.json").write_text("no json")
    station.run(9)
    station.watch.forget(9)
    output = station.run(7)
    for name in "ab":
        (output / name).touch()
    assert eventually(lambda: station.passed)[0][0] == 7


def test_a_run_that_cannot_be_looked_at_for_any_reason_stops_no_other(watched, monkeypatch):
    station = watched(output_files=1)
    real = station.watch.check

    def check(made, seconds):
        if made.run_id == 8:
            raise RuntimeError("a fault of the node's own")
        return real(made, seconds)

    monkeypatch.setattr(station.watch, "check", check)
    station.run(8)
    output = station.run(7)
    for name in "ab":
        (output / name).touch()
    assert eventually(lambda: station.passed)[0][0] == 7


@pytest.mark.parametrize(
    ("free", "inodes", "all_inodes", "word"),
    [
        (0, 10**6, 10**7, "min_free is 1Mi"),
        (10**9, 9_999, 10**7, "9999 inodes free"),
        (10**9, 0, 0, None),
        (10**9, 10**6, 10**7, None),
    ],
)
def test_what_counts_as_room(watched, monkeypatch, free, inodes, all_inodes, word):
    told = SimpleNamespace(f_bavail=free, f_frsize=1, f_files=all_inodes, f_favail=inodes)
    monkeypatch.setattr(disk_watch.os, "statvfs", lambda _: told)
    station = watched()
    shortage = station.watch.shortage
    assert (shortage is None) is (word is None)
    assert [each is None for each in station.rooms] == ([] if word is None else [False])
    if shortage is not None:
        assert shortage.cause == "InsufficientDisk"
        assert word in shortage.site_detail


def test_room_that_comes_back_is_told(watched, monkeypatch):
    full = threading.Event()
    real = os.statvfs

    def statvfs(path):
        found = real(path)
        free = 0 if full.is_set() else 10**9
        return SimpleNamespace(f_bavail=free, f_frsize=1, f_files=0, f_favail=found.f_favail)

    monkeypatch.setattr(disk_watch.os, "statvfs", statvfs)
    station = watched()
    full.set()
    eventually(lambda: [each.cause for each in station.rooms] == ["InsufficientDisk"])
    full.clear()
    eventually(lambda: station.rooms[1:] == [None])


def test_no_limit_of_free_space_asks_nothing(watched, monkeypatch):
    monkeypatch.setattr(disk_watch.os, "statvfs", lambda _: pytest.fail("asked"))
    assert watched(min_free=None).watch.shortage is None
