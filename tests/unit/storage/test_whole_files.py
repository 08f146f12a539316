"""Files that appear as a whole."""

import pytest

from node_poc.storage.whole_files import write_new, written_beside


def test_a_new_file_has_its_mode_and_replaces_none(tmp_path):
    path = tmp_path / "file"
    write_new(path, b"first", 0o640)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"first", 0o640)
    with pytest.raises(FileExistsError):
        write_new(path, b"second")
    assert path.read_bytes() == b"first"


def test_the_file_beside_is_gone_whether_it_was_renamed_or_not(tmp_path):
    path = tmp_path / "file"
    with written_beside(path, b"data") as beside:
        assert beside.stat().st_mode & 0o777 == 0o600
        beside.replace(path)
    with pytest.raises(ValueError, match="broken"), written_beside(path, b"other"):
        raise ValueError("broken")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"data"
