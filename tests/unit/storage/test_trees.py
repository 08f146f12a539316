"""Removing any files and folders that an algorithm left, step by step; no link is followed."""

import pytest

from node_poc.storage.trees import Budget, opened, remove_part
from tests.fakes.trees import names_in, nest, open_files

NAME = "n" * 250


def remove(folder, name, entries=10**6):
    with opened(folder) as parent:
        return remove_part(parent, name, Budget(entries, 60))


def test_a_file_a_link_and_nothing(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/data").write_text("42")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    (tmp_path / "file").touch()
    for name in ("file", "link", "nothing"):
        assert remove(tmp_path, name).gone
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
    assert (tmp_path / "precious/data").read_text() == "42"


def test_no_link_inside_is_followed(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/data").write_text("42")
    (tmp_path / "tree/inside/deeper").mkdir(parents=True)
    for folder in ("tree", "tree/inside", "tree/inside/deeper"):
        (tmp_path / folder / "link").symlink_to(tmp_path / "precious")
    assert remove(tmp_path, "tree").gone
    assert (tmp_path / "precious/data").read_text() == "42"


@pytest.mark.parametrize(("levels", "name"), [(3000, "d"), (900, NAME)])
def test_depth_and_length_of_paths_do_not_matter(tmp_path, levels, name):
    nest(tmp_path, levels, name)
    before = open_files()
    done = remove(tmp_path, name)
    assert done.gone
    assert done.error is None
    assert names_in(tmp_path) == []
    assert open_files() <= before  # fewer: another test's file was collected


@pytest.mark.parametrize("entries", [2, 7, 100])
def test_a_removal_that_is_cut_off_goes_on_where_it_was(tmp_path, entries):
    for branch in range(5):
        (tmp_path / f"tree/{branch}").mkdir(parents=True)
        nest(tmp_path / f"tree/{branch}", 20, "d")
        for number in range(30):
            (tmp_path / f"tree/{branch}/{number}").touch()
    turns = 0
    while not (done := remove(tmp_path, "tree", entries)).gone:
        assert done.steps > 0
        assert done.error is None
        turns += 1
    assert turns >= 2
    assert names_in(tmp_path) == []


def test_a_wide_tree_of_many_folders_goes(tmp_path, monkeypatch):
    monkeypatch.setattr("node_poc.storage.trees._PENDING", 3)
    for outer in range(10):
        for inner in range(10):
            (tmp_path / f"tree/{outer}/{inner}/x").mkdir(parents=True)
            (tmp_path / f"tree/{outer}/{inner}/x/file").touch()
    assert remove(tmp_path, "tree").gone
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("mode", [0o000, 0o100, 0o400, 0o500, 0o600])
def test_folders_closed_to_their_owner_go(tmp_path, mode, as_node_user):
    def make_and_remove(folder):
        (folder / "tree/inside/deeper").mkdir(parents=True)
        (folder / "tree/inside/deeper/file").touch()
        for name in ("tree/inside/deeper", "tree/inside", "tree"):
            (folder / name).chmod(mode)
        done = remove(folder, "tree")
        return done.gone, str(done.error), names_in(folder)

    assert as_node_user(tmp_path, make_and_remove) == (True, "None", [])


def test_a_closed_folder_at_the_bottom_goes(tmp_path, as_node_user):
    def make_and_remove(folder):
        nest(folder, 900, NAME, mode=0)
        return remove(folder, NAME).gone, names_in(folder)

    assert as_node_user(tmp_path, make_and_remove) == (True, [])


def test_what_may_not_be_removed_is_told_and_all_else_goes(tmp_path, refusing):
    (tmp_path / "tree/inside").mkdir(parents=True)
    for number in range(50):
        (tmp_path / f"tree/{number}").touch()
    (tmp_path / "tree/inside/foreign").touch()
    done = remove(tmp_path, "tree")
    assert (done.gone, done.error.strerror) == (False, "Operation not permitted")
    assert names_in(tmp_path / "tree") == ["inside"]
    assert remove(tmp_path, "tree").steps == 0


def test_what_is_written_meanwhile_does_not_keep_the_removal_for_ever(tmp_path):
    (tmp_path / "tree").mkdir()
    for number in range(300):
        (tmp_path / f"tree/{number}").touch()
    done = remove(tmp_path, "tree", 100)
    assert (done.gone, done.steps) == (False, 100)
