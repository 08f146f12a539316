import errno
import os
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from output_files import RESERVE_BYTES, FilesError, OutputFolder, parts_of


@pytest.mark.parametrize("path", ["a", "a/b", "...", "..a/b..", "a\\b", " ", "-rf", "é", "a\nb"])
def test_plain_paths(path):
    assert "/".join(parts_of(path)) == path


@pytest.mark.parametrize(
    "path", ["", "/", "/a", "a/", "a//b", ".", "./a", "..", "a/../b", "a\0b", "\ud800", None, 5]
)
def test_other_paths_are_refused(path):
    with pytest.raises(FilesError):
        parts_of(path)


@given(st.text(alphabet="./a\0\\ ~", max_size=12))
def test_no_path_leads_out(path):
    try:
        parts = parts_of(path)
    except FilesError:
        return
    assert os.path.normpath("/".join(("/base", *parts))).startswith("/base/")


def write(folder, path, data=b"new", *, force=False):
    with OutputFolder(folder, force=force).writing(parts_of(path)) as file:
        file.write(data)


def test_folders_are_made(tmp_path):
    write(tmp_path / "x" / "y", "a/b/c")
    assert (tmp_path / "x/y/a/b/c").read_bytes() == b"new"


@pytest.mark.parametrize("force", [False, True])
def test_a_link_to_a_folder_is_not_followed(tmp_path, force):
    (tmp_path / "out").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    with pytest.raises(FilesError, match="link"):
        write(tmp_path / "in", "link/a", force=force)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_link_to_a_file_is_replaced_itself_and_only_when_forced(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("old")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").symlink_to(victim)
    with pytest.raises(FilesError, match="--force"):
        write(tmp_path / "in", "a")
    write(tmp_path / "in", "a", force=True)
    assert victim.read_text() == "old"
    assert not (tmp_path / "in" / "a").is_symlink()


def test_a_dangling_link_counts_as_there(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FilesError, match="--force"):
        OutputFolder(tmp_path, force=False).check_free([("a",)])
    with pytest.raises(FilesError, match="--force"):
        write(tmp_path, "a")
    assert not (tmp_path / "nowhere").exists()


def test_the_folder_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(tmp_path / "link", "a")
    assert (tmp_path / "real" / "a").exists()


def test_a_folder_in_the_place_of_a_file(tmp_path):
    (tmp_path / "a").mkdir()
    for force in (False, True):
        with pytest.raises(FilesError):
            write(tmp_path, "a", force=force)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_unfinished_file_leaves_what_was_there(tmp_path, force, error):
    before = [b"old"] if force else []
    if force:
        (tmp_path / "a").write_bytes(b"old")
    folder = OutputFolder(tmp_path, force=force)
    with pytest.raises(error), folder.writing(("a",)):
        raise error
    assert [path.read_bytes() for path in tmp_path.iterdir()] == before


def test_a_full_disk_is_told_apart(tmp_path):
    folder = OutputFolder(tmp_path, force=False)
    with pytest.raises(FilesError, match="No space left") as caught, folder.writing(("a",)):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.is_full
    assert list(tmp_path.iterdir()) == []


def test_too_little_room_is_told_before_anything_is_written(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=RESERVE_BYTES + 10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    folder = OutputFolder(tmp_path / "not" / "there", force=False)
    folder.check_room(10)
    with pytest.raises(FilesError, match="do not fit"):
        folder.check_room(11)
    assert list(tmp_path.iterdir()) == []
