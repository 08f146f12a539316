"""The trash is emptied in small steps, in turns, and no item holds up another."""

import pytest

from node_poc.storage import trash as trash_module
from node_poc.storage.trash import Trash
from tests.fakes.trees import names_in, nest


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "trash"
    made.mkdir()
    return made


def always():
    return True


def fill(folder, names):
    folder.mkdir(parents=True)
    for number in range(names):
        (folder / str(number)).touch()


def test_one_that_is_large_lets_the_others_go_first(folder, monkeypatch):
    monkeypatch.setattr(trash_module, "_TURN_ENTRIES", 20)
    fill(folder / "large", 500)
    for name in ("a", "z"):
        fill(folder / name, 3)
    turns = iter(range(3))
    assert list(Trash(folder).empty(lambda: next(turns, None) is not None)) == []
    assert names_in(folder) == ["large"]
    assert list(Trash(folder).empty(always)) == []
    assert names_in(folder) == []


def test_a_round_has_its_time(folder, monkeypatch):
    monkeypatch.setattr(trash_module, "_ROUND_SECONDS", -1.0)
    fill(folder / "left", 1)
    assert list(Trash(folder).empty(always)) == []
    assert names_in(folder) == ["left"]


def test_nested_folders_do_not_keep_what_is_behind_them(folder):
    for name in "abc":
        (folder / name).mkdir()
        nest(folder / name, 3000, "d")
    assert list(Trash(folder).empty(always)) == []
    assert names_in(folder) == []


def test_what_cannot_go_is_told_once_and_keeps_nothing(folder, refusing):
    for name in "abc":
        fill(folder / name, 2)
    for name in "ac":
        (folder / name / "foreign").touch()
    told = sorted(Trash(folder).empty(always))
    assert told == [f"{folder}/{name}: Operation not permitted" for name in "ac"]
    assert names_in(folder) == ["a", "c"]


def test_a_shared_folder_that_an_algorithm_closed_is_discarded(folder, as_node_user):
    def discard(here):
        (here / "trash").mkdir()
        (here / "tmp/vol/inside").mkdir(parents=True)
        (here / "tmp/vol").chmod(0)
        trash = Trash(here / "trash")
        trash.discard(here / "tmp/vol")
        trash.discard(here / "tmp/nothing")
        return names_in(here / "tmp"), len(names_in(here / "trash")), list(trash.empty(always))

    assert as_node_user(folder, discard) == ([], 1, [])
