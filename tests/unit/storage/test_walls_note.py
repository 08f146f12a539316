"""The last verdict of the self-test, on the disk."""

import pytest

from node_poc.runs.walls_verdict import Enforcement, WallsVerdict
from node_poc.storage.walls_note import WallsNote

VERDICT = WallsVerdict(Enforcement.NOT, open_ways=("a",), made_at=5.5)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / ".node").mkdir()
    return tmp_path


def test_a_verdict_is_read_back_in_the_same_cluster_only(folder):
    assert WallsNote(folder, "one").read() is None
    WallsNote(folder, "one").write(VERDICT)
    assert WallsNote(folder, "one").read() == VERDICT
    assert WallsNote(folder, "another").read() is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"cluster": "one"}'])
def test_a_damaged_note_is_no_verdict(folder, text):
    (folder / ".node" / "walls.json").write_text(text)
    assert WallsNote(folder, "one").read() is None


def test_a_disk_that_cannot_be_written_ends_nothing(tmp_path):
    WallsNote(tmp_path, "one").write(VERDICT)
    assert WallsNote(tmp_path, "one").read() is None
