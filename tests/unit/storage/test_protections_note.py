"""The note of the last test of protections."""

import pytest

from node_poc.storage.protections_note import ProtectionsNote


@pytest.fixture
def folder(tmp_path):
    (tmp_path / ".node").mkdir()
    return tmp_path


def test_a_result_counts_in_its_place_only(folder):
    note = ProtectionsNote(folder, "cluster, storage")
    assert note.read() is None
    note.write({"user_namespaces": "too old", "strict_groups": ""}, 7.5)
    assert note.read() == ({"user_namespaces": "too old", "strict_groups": ""}, 7.5)
    assert ProtectionsNote(folder, "cluster, other storage").read() is None


@pytest.mark.parametrize("text", ['{"place": "p"}', '{"place": "p", "found": 1}', "no JSON"])
def test_a_damaged_note_is_no_note(folder, text):
    (folder / ".node" / "protections.json").write_text(text)
    assert ProtectionsNote(folder, "p").read() is None


def test_a_note_that_cannot_be_written_is_no_error(tmp_path):
    ProtectionsNote(tmp_path / "missing", "p").write({}, 0.0)
