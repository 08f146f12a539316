"""The disk usage of a run is counted like ``du`` does, within limits that protect the node."""

import os

import pytest

from node_poc.storage import usage
from node_poc.storage.usage import Allowance, measure
from tests.fakes.trees import nest, open_files
from tests.fakes.turns import LateTurn

BLOCK = 4096
ENDLESS = Allowance(None, 10**9)


def count(*paths, allowed=ENDLESS, seconds=30):
    return measure(paths, allowed, seconds)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "output"
    made.mkdir()
    return made


def size_of(folder):
    return folder.stat().st_blocks * 512


def test_blocks_and_names_are_counted(folder):
    (folder / "inside").mkdir()
    (folder / "inside/file").write_bytes(b"x" * (BLOCK * 3))
    (folder / "link").symlink_to("/")
    os.mkfifo(folder / "pipe")
    found = count(folder)
    assert found.files == 4
    assert found.size == BLOCK * 3 + size_of(folder) + size_of(folder / "inside")
    assert found.whole


def test_a_single_file_counts_as_bytes_only(folder):
    (folder / "result").write_bytes(b"x" * BLOCK)
    assert (count(folder / "result").size, count(folder / "result").files) == (BLOCK, 0)
    assert count(folder / "nothing").size == 0


def test_a_sparse_file_counts_with_its_blocks(folder):
    with (folder / "sparse").open("wb") as file:
        file.truncate(10**12)
    assert count(folder).size <= size_of(folder) + BLOCK


def test_a_file_of_many_names_counts_once_and_each_name_does(folder):
    (folder / "0").write_bytes(b"x" * BLOCK * 8)
    for number in range(1, 8):
        os.link(folder / "0", folder / str(number))
    found = count(folder)
    assert found.files == 8
    assert found.size == BLOCK * 8 + size_of(folder)


def test_no_link_is_followed(folder, tmp_path):
    (tmp_path / "large").write_bytes(b"x" * BLOCK * 100)
    (folder / "link").symlink_to(tmp_path / "large")
    (folder / "up").symlink_to(tmp_path)
    assert count(folder).size < BLOCK * 100


@pytest.mark.parametrize(
    ("allowed", "is_exceeded_by"),
    [
        (Allowance(None, 10), False),
        (Allowance(None, 9), True),
        (Allowance(BLOCK * 20, None), False),
        (Allowance(BLOCK * 10, None), True),
        (Allowance(None, None), False),
    ],
)
def test_an_allowance_is_exceeded_by_by_more_than_it_says(folder, allowed, is_exceeded_by):
    for number in range(10):
        (folder / str(number)).write_bytes(b"x" * BLOCK)
    assert allowed.is_exceeded_by(count(folder, allowed=allowed)) is is_exceeded_by


def test_nothing_is_counted_beyond_what_is_allowed(folder):
    for number in range(200):
        (folder / str(number)).touch()
    found = count(folder, allowed=Allowance(None, 10))
    assert (found.files, found.whole) == (11, True)


def test_a_tree_too_deep_to_be_counted_passes_any_allowance(folder):
    nest(folder, usage.DEPTH, "d")
    assert not ENDLESS.is_exceeded_by(count(folder))
    (folder / "deeper").mkdir()
    nest(folder / "deeper", 3000, "d")
    before = open_files()
    assert ENDLESS.is_exceeded_by(count(folder))
    assert open_files() <= before  # fewer: another test's file was collected


def test_time_is_bounded_and_that_is_told(folder):
    (folder / "a").touch()
    found = count(folder, seconds=-1)
    assert (found.whole, found.too_many) == (False, False)
    assert not ENDLESS.is_exceeded_by(found)


def test_more_names_than_are_counted_pass_any_allowance(folder, monkeypatch):
    monkeypatch.setattr(usage, "ENTRIES", 5)
    only_size = Allowance(10**12, None)
    for number in range(5):
        (folder / str(number)).touch()
    assert not only_size.is_exceeded_by(count(folder, allowed=only_size))
    (folder / "one-more").touch()
    found = count(folder, allowed=only_size)
    assert (found.files, found.whole) == (5, True)
    assert only_size.is_exceeded_by(found)
    assert not ENDLESS.is_exceeded_by(count(folder, allowed=Allowance(None, 6)))


def test_what_lies_in_a_closed_folder_is_counted(folder, as_node_user):
    def close_and_count(here):
        (here / "closed/inside").mkdir(parents=True)
        (here / "closed/inside/file").write_bytes(b"x" * BLOCK * 50)
        (here / "closed/inside").chmod(0)
        (here / "closed").chmod(0)
        return count(here / "closed").size

    assert as_node_user(folder, close_and_count) >= BLOCK * 50


def test_who_waits_long_for_a_turn_is_counted_all_the_same(folder, monkeypatch):
    (folder / "file").touch()
    monkeypatch.setattr(usage, "_TURNS", LateTurn(monkeypatch))
    found = count(folder, seconds=30)
    assert (found.files, found.whole) == (1, True)
