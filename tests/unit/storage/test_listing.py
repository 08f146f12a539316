"""Listing an algorithm's output: in order, and within limits that protect the node."""

import os

import pytest

from node_poc.runs.model import OutputFile
from node_poc.storage import listing
from node_poc.storage.listing import list_once, list_output
from tests.fakes.trees import nest
from tests.fakes.turns import LateTurn


def test_the_output_is_listed_in_order_with_sizes(tmp_path):
    (tmp_path / "b/c").mkdir(parents=True)
    (tmp_path / "b/c/two.txt").write_text("22")
    (tmp_path / "b.txt").write_text("333")
    (tmp_path / "a.txt").write_text("1")
    listed, more = list_output(tmp_path, 10)
    assert listed == (
        OutputFile("a.txt", 1),
        OutputFile("b/c/two.txt", 2),
        OutputFile("b.txt", 3),
    )
    assert more is False


@pytest.mark.parametrize(("limit", "more"), [(0, True), (2, True), (3, False)])
def test_the_list_has_a_limit(tmp_path, limit, more):
    for name in "abc":
        (tmp_path / name).touch()
    listed, cut = list_output(tmp_path, limit)
    assert (len(listed), cut) == (limit, more)


def test_a_missing_folder_or_a_file_is_an_empty_list(tmp_path):
    assert list_output(tmp_path / "nothing", 5) == ((), False)
    (tmp_path / "file").touch()
    assert list_output(tmp_path / "file", 5) == ((), False)


def test_links_pipes_and_sockets_are_not_output(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    folder = tmp_path / "output"
    folder.mkdir()
    (folder / "link").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    assert list_output(folder, 5) == ((), False)


def test_a_name_that_is_no_text_is_listed_all_the_same(tmp_path):
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff", os.O_CREAT))
    ((listed,), _) = list_output(tmp_path, 5)
    assert listed.path == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(("levels", "more"), [(16, False), (17, True), (3000, True)])
def test_a_maze_of_folders_is_left_at_its_depth_and_that_is_said(tmp_path, levels, more):
    nest(tmp_path, levels, "d")
    (tmp_path / "z").touch()
    listed, cut = list_output(tmp_path, 5)
    assert [item.path for item in listed][-1] == "z"
    assert len(listed) == (1 if more else 2)
    assert cut is more


def test_of_a_huge_folder_so_many_entries_are_looked_at_and_the_others_are_told(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(listing, "_ENTRIES", 50)
    (tmp_path / "huge").mkdir()
    for number in range(200):
        (tmp_path / "huge" / f"{number:04d}").touch()
    (tmp_path / "result.csv").write_text("42")
    listed, more = list_output(tmp_path, 100)
    assert more is True
    # The node looks at 200 entries, twice the limit: the two at the top leave 198 others.
    assert len(listed) == 100
    few, more = list_output(tmp_path, 20)
    assert [item.path for item in few] == sorted(item.path for item in few)
    assert (len(few), more) == (20, True)


def test_entries_that_are_no_files_count_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "_ENTRIES", 50)
    for number in range(200):
        (tmp_path / f"{number}").symlink_to("nowhere")
    assert list_output(tmp_path, 5) == ((), True)


def test_the_time_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "_SECONDS", -1.0)
    (tmp_path / "a").touch()
    assert list_output(tmp_path, 5) == ((), True)


def test_paths_are_bounded_one_by_one_and_together(tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "_PATH_BYTES", 20)
    nest(tmp_path, 10, "dd")
    (tmp_path / "z").touch()
    listed, more = list_output(tmp_path, 9)
    assert [item.path for item in listed] == ["z"]
    assert more is True
    monkeypatch.setattr(listing, "_ALL_PATHS_BYTES", 10)
    for name in ("a" * 8, "b" * 8):
        (tmp_path / name).touch()
    listed, more = list_output(tmp_path, 9)
    assert [item.path for item in listed] == ["a" * 8]
    assert more is True


@pytest.mark.parametrize("closed", ["output", "output/inside"])
def test_a_folder_that_is_closed_is_told(tmp_path, closed, as_node_user):
    def list_closed(folder):
        (folder / "output/inside").mkdir(parents=True)
        (folder / "output/inside/file").touch()
        (folder / closed).chmod(0)
        return list_output(folder / "output", 5)

    assert as_node_user(tmp_path, list_closed) == ((), True)
    (tmp_path / closed).chmod(0o700)


def test_a_listing_of_which_the_node_died_is_not_tried_for_ever(tmp_path, monkeypatch):
    (tmp_path / "output").mkdir()
    (tmp_path / "output/a").touch()

    class DeathError(BaseException):
        pass

    def die(*_):
        raise DeathError

    with monkeypatch.context() as patch:
        patch.setattr(listing, "list_output", die)
        for _ in range(2):
            with pytest.raises(DeathError):
                list_once(tmp_path, "output", 5)
        assert list_once(tmp_path, "output", 5) == ((), True)
    (tmp_path / ".listing").unlink()
    for _ in range(5):
        assert list_once(tmp_path, "output", 5) == ((OutputFile("a", 0),), False)
    assert not (tmp_path / ".listing").exists()


def test_a_disk_without_room_for_the_note_keeps_no_output_from_being_listed(tmp_path, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    (tmp_path / "output").mkdir()
    (tmp_path / "output/a").touch()
    monkeypatch.setattr(listing.Path, "open", full)
    assert list_once(tmp_path, "output", 5) == ((OutputFile("a", 0),), False)


def test_who_waits_long_for_a_turn_is_listed_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(listing, "_TURNS", LateTurn(monkeypatch))
    assert list_output(tmp_path, 5) == ((OutputFile("file", 0),), False)
