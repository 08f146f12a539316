import stat

import pytest

from node_poc.manifests.volumes import sub_path
from node_poc.storage.folders import (
    make_run_folders,
    make_shared_folder,
    read_output,
    task_dir_mounts,
)
from node_poc.storage.records import StorageError
from tests.fakes.examples import spec


def make(task_dir, made=None):
    made = made or spec()
    located = {mount: sub_path(mount, made.run_id) for mount in task_dir_mounts(made)}
    make_run_folders(task_dir, made, located)


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_run_gets_its_folders_and_files(tmp_path):
    make(tmp_path)
    assert (tmp_path / "7/output").is_dir()
    assert (tmp_path / "tmp/vol").is_dir()
    assert (tmp_path / "7/token").read_text() == "a-secret-token"


def test_only_owner_and_storage_group_see_anything(tmp_path):
    make(tmp_path)
    assert mode(tmp_path / "7") == 0o750
    assert mode(tmp_path / "7/output") == 0o2770
    assert mode(tmp_path / "7/token") & 0o007 == 0


def test_making_them_again_keeps_what_is_there(tmp_path):
    make(tmp_path)
    (tmp_path / "7/output/avg.txt").write_text("42")
    make(tmp_path)
    assert (tmp_path / "7/output/avg.txt").read_text() == "42"


def test_a_link_in_the_place_of_a_folder_is_refused(tmp_path):
    """A link left by an earlier run must not lead the node to another folder."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / "7").mkdir()
    (tmp_path / "7/output").symlink_to(elsewhere)
    with pytest.raises(StorageError):
        make(tmp_path)
    assert mode(elsewhere) == 0o700


def test_a_link_in_the_place_of_a_file_is_refused(tmp_path):
    elsewhere = tmp_path / "precious"
    elsewhere.write_text("precious")
    (tmp_path / "7").mkdir()
    (tmp_path / "7/token").symlink_to(elsewhere)
    with pytest.raises(StorageError):
        make(tmp_path)
    assert elsewhere.read_text() == "precious"


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path):
    (tmp_path / "7").write_text("")
    with pytest.raises(StorageError, match="7"):
        make(tmp_path)


@pytest.mark.parametrize(
    "path",
    ["\0", "a\0b", "f/\0", "\ud800", "", ".", "..", "f/..", "x" * 5000, "/".join("ab" * 900)],
)
def test_a_path_that_names_no_file_is_told_and_nothing_else(tmp_path, path):
    (tmp_path / "f").mkdir()
    with pytest.raises(StorageError, match="path: "):
        read_output(tmp_path, path, 0, 10)


@pytest.mark.parametrize("name", ["\0", "a\0b"])
def test_a_shared_folder_of_no_name_is_told(tmp_path, name):
    with pytest.raises(StorageError, match="volume: "):
        make_shared_folder(tmp_path, name)
