"""Retention on a real disk: which runs are due, are removed, and stay known."""

import os
import time
from pathlib import Path

import pytest

from node_poc.storage import past as past_module
from node_poc.storage.past import PastRecords, PastRun

KEEP = 100.0


@pytest.fixture
def past(tmp_path):
    made = PastRecords(tmp_path, KEEP)
    made.prepare()
    return made


def leave(root, run_id, *volumes):
    """Create the files that a delivered run leaves."""
    (root / str(run_id) / "output").mkdir(parents=True)
    (root / str(run_id) / "output/big").write_text("x")
    for name in volumes:
        (root / "tmp" / name).mkdir(parents=True, exist_ok=True)


def close(past, run_id, *volumes):
    for name in volumes:
        past.use_volume(name, run_id)
    past.close(PastRun(run_id, f"digest {run_id}", "completed", volumes))


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def grow_old(root, run_id, seconds=KEEP + 1):
    age(root / ".node/closed" / str(run_id), seconds)


def test_a_run_is_due_when_its_time_is_over_and_oldest_first(past, tmp_path):
    for run_id, seconds in ((1, KEEP + 5), (2, KEEP + 9), (3, KEEP - 5)):
        close(past, run_id)
        grow_old(tmp_path, run_id, seconds)
    assert past.due(10) == [2, 1]
    assert past.due(1) == [2]


def test_for_ever_is_for_ever(tmp_path):
    past = PastRecords(tmp_path, None)
    past.prepare()
    leave(tmp_path, 1, "vol")
    close(past, 1, "vol")
    grow_old(tmp_path, 1, 1e9)
    (tmp_path / ".node/volumes/vol/1").unlink()
    assert past.due(10) == []
    assert past.unused_volumes(10) == []


def test_what_is_retired_is_gone_but_known(past, tmp_path):
    leave(tmp_path, 7, "vol")
    close(past, 7, "vol")
    past.discard_run(7)
    assert not (tmp_path / "7").exists()
    assert not past.is_closed(7)
    assert past.find_gone(7) == PastRun(7, "digest 7", "completed", ("vol",))
    told = past.explain_gone(past.find_gone(7))
    assert "completed" in told
    assert "kept for 100 s" in told
    assert past.find_gone(8) is None


def test_the_trash_is_emptied(past, tmp_path):
    leave(tmp_path, 7)
    close(past, 7)
    past.discard_run(7)
    trash = tmp_path / ".node/trash"
    assert len(list(trash.iterdir())) == 1
    assert list(past.empty_trash(lambda: True)) == []
    assert list(trash.iterdir()) == []


def test_a_shared_folder_stays_while_one_of_its_runs_is_kept(past, tmp_path):
    for run_id in (7, 8):
        leave(tmp_path, run_id, "vol")
        close(past, run_id, "vol")
    past.discard_run(7)
    assert past.unused_volumes(10) == []
    assert past.discard_volume("vol") is False
    past.discard_run(8)
    assert past.unused_volumes(10) == ["vol"]
    assert past.discard_volume("vol") is True
    assert not (tmp_path / "tmp/vol").exists()


def test_a_run_that_comes_meanwhile_keeps_its_shared_folder(past, tmp_path):
    leave(tmp_path, 7, "vol")
    close(past, 7, "vol")
    past.discard_run(7)
    assert past.unused_volumes(10) == ["vol"]
    past.use_volume("vol", 9)
    assert past.discard_volume("vol") is False
    assert (tmp_path / "tmp/vol").is_dir()


def test_a_shared_folder_of_an_older_node_goes_by_its_own_time(past, tmp_path):
    (tmp_path / "tmp/young").mkdir(parents=True)
    (tmp_path / "tmp/old").mkdir()
    age(tmp_path / "tmp/old", KEEP + 1)
    assert past.unused_volumes(10) == ["old"]


def test_no_link_is_followed(past, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "data").write_text("42")
    leave(tmp_path, 7, "vol")
    (tmp_path / "7/output/link").symlink_to(precious)
    (tmp_path / "8").symlink_to(precious)
    (tmp_path / "tmp/linked").symlink_to(precious)
    for run_id in (7, 8):
        close(past, run_id)
        past.discard_run(run_id)
    assert "linked" not in past.unused_volumes(10)
    assert list(past.empty_trash(lambda: True)) == []
    assert (precious / "data").read_text() == "42"


def test_a_full_disk_does_not_keep_a_run_from_ending_or_going(past, tmp_path, monkeypatch):
    leave(tmp_path, 7, "vol")
    past.use_volume("vol", 7)

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        past.close(PastRun(7, "digest", "completed", ("vol",)))
        grow_old(tmp_path, 7)
        assert past.due(1) == [7]
        past.discard_run(7)
    assert past.find_gone(7) == PastRun(7)
    assert past.unused_volumes(10) == ["vol"]


def test_only_so_many_removed_runs_are_remembered(past, tmp_path, monkeypatch):
    monkeypatch.setattr(past_module, "_REMEMBERED", 3)
    for run_id in range(1, 6):
        close(past, run_id)
        grow_old(tmp_path, run_id, 1000 - run_id)
        past.discard_run(run_id)
    assert past.forget_oldest() == 2
    assert [run_id for run_id in range(1, 6) if past.find_gone(run_id)] == [3, 4, 5]
    assert past.forget_oldest() == 0


def test_users_that_are_no_more_are_struck_off(past, tmp_path):
    """A crash came between the change of the run's folder and of its mark on the shared folder."""
    leave(tmp_path, 7, "vol")
    past.use_volume("vol", 7)
    past.use_volume("vol", 8)
    past.drop_stale_users()
    assert [user.name for user in (tmp_path / ".node/volumes/vol").iterdir()] == ["7"]


def test_folders_without_a_note_are_found(past, tmp_path):
    for run_id in (1, 2, 3):
        leave(tmp_path, run_id)
    close(past, 1)
    assert past.unnoted({2}) == [3]
    assert past.is_old(3) is False
    age(tmp_path / "3", KEEP + 1)
    assert past.is_old(3) is True
    assert past.is_old(4) is False
