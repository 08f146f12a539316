"""A run id used again: all traces of the first run are removed, wherever a crash comes between."""

import contextlib
from concurrent.futures import Future
from pathlib import Path

import pytest

from node_poc.engine.book import RunBook
from node_poc.engine.messages import FoldersExpired
from node_poc.engine.retention import Retention
from node_poc.runs.model import RunResult, RunSpec
from node_poc.runs.status import RunStatus
from node_poc.storage.past import PastRecords, PastRun
from node_poc.storage.records import Records, RunRecord, StorageError

RESULT = RunResult(7, RunStatus.COMPLETED, 0, "", False, (), False, None, 0.0, 0.0, 0.0, 1.0)
ORIGIN = (("created_at", "2026-01-01T00:00:00.5"), ("task_id", "9"))


class Disk:
    """A task_dir, and the knowledge of a node process about the folder."""

    def __init__(self, root):
        self.root = root
        self.start()

    def start(self):
        self.records, self.past = Records(self.root), PastRecords(self.root, 100.0)
        self.records.prepare()
        self.past.prepare()
        self.runs = Retention(RunBook(2), self.records, self.past)
        self.runs.write_missing_notes()

    def deliver(self):
        """Take run 7, end the run, and deliver its result to the server."""
        (self.root / "7").mkdir()
        record = RunRecord(RunSpec(7, "image", origin=ORIGIN), "digest", 1.0)
        self.records.write_run(record)
        self.past.use_volume("shared", 7)
        self.records.write_result(RESULT)
        self.runs.close(record, RunStatus.COMPLETED)

    def left(self):
        """Return all paths with the run's id outside the trash."""
        return sorted(
            str(path.relative_to(self.root))
            for path in self.root.rglob("7")
            if "trash" not in path.parts
        )


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


class Crash(BaseException):
    """The process dies here."""


def dying_at(monkeypatch, step):
    """Make the process die after ``step`` changes of the disk."""
    steps = iter(range(step))

    def dying(change):
        def changed(*arguments, **options):
            if next(steps, None) is None:
                raise Crash
            return change(*arguments, **options)

        return changed

    for name in ("unlink", "rename"):
        monkeypatch.setattr(Path, name, dying(getattr(Path, name)))


@pytest.mark.parametrize("folder", ["kept", "gone"])
@pytest.mark.parametrize("step", range(6))
def test_a_crash_at_any_step_leaves_something_known_or_nothing(disk, monkeypatch, step, folder):
    disk.deliver()
    if folder == "gone":
        disk.past.discard_run(7)
    with monkeypatch.context() as patched:
        dying_at(patched, step)
        with contextlib.suppress(Crash):
            assert disk.runs.forget(7)
    disk.start()
    known = disk.records.has_run(7) or disk.past.find_gone(7) is not None
    assert known or disk.left() == []
    # No remaining note has a time that could end the folder of another run with the same id.
    assert not (disk.past.is_closed(7) and not disk.records.has_run(7))
    assert disk.runs.forget(7)
    assert disk.left() == []


def test_the_next_run_of_the_number_keeps_its_folder_and_is_noted_for_itself(disk):
    disk.deliver()
    assert disk.runs.forget(7)
    disk.deliver()
    disk.start()
    assert disk.records.has_run(7)
    assert disk.past.is_closed(7)


def test_a_run_that_is_owed_to_the_server_is_not_forgotten(disk):
    (disk.root / "7").mkdir()
    disk.records.write_run(RunRecord(RunSpec(7, "image"), "digest", 1.0))
    assert not disk.runs.forget(7)
    assert disk.records.has_run(7)


def test_a_disk_in_trouble_is_asked_again(disk, monkeypatch):
    disk.deliver()

    def broken(_run_id):
        raise StorageError("no")

    with monkeypatch.context() as patched:
        patched.setattr(disk.past, "forget", broken)
        assert not disk.runs.forget(7)
    assert disk.runs.forget(7)


def test_what_a_removed_run_was_stays_known(disk):
    disk.deliver()
    disk.past.discard_run(7)
    assert disk.past.find_gone(7).origin == dict(ORIGIN)


def test_a_note_of_an_older_node_is_read(disk):
    (disk.root / ".node/gone/7").write_text('["digest", "completed", ["shared"]]')
    assert disk.past.find_gone(7) == PastRun(7, "digest", "completed", ("shared",), {})


@pytest.mark.parametrize("note", ['["digest", "completed", ["shared"]]', ""])
def test_the_note_of_an_older_node_gets_its_origin_before_the_record_goes(disk, note):
    disk.deliver()
    (disk.root / ".node/closed/7").write_text(note)
    disk.runs.remove_expired(FoldersExpired((7,), (), Future()))
    gone = disk.past.find_gone(7)
    assert gone.origin == dict(ORIGIN)
    assert gone.digest == ("digest" if note else "")
    assert disk.left() == [".node/gone/7"]


def test_a_note_that_cannot_be_completed_stays_as_it_is(disk):
    disk.deliver()
    (disk.root / ".node/closed/7").write_text('["digest", "completed", ["shared"]]')
    (disk.root / "7/run.json").write_text("no json")
    disk.runs.remove_expired(FoldersExpired((7,), (), Future()))
    assert disk.past.find_gone(7).digest == "digest"
    assert disk.left() == [".node/gone/7"]
