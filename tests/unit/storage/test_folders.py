import os
import stat

import pytest

from node_poc.manifests.volumes import sub_path
from node_poc.runs.model import OutputFile
from node_poc.storage.folders import list_output, make_run_folders, task_dir_mounts
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
    """What a former run left in a folder must not lead the node elsewhere."""
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


def test_the_output_is_listed_in_order_with_sizes(tmp_path):
    (tmp_path / "b/c").mkdir(parents=True)
    (tmp_path / "b/c/two.txt").write_text("22")
    (tmp_path / "a.txt").write_text("1")
    listed, more = list_output(tmp_path, 10)
    assert listed == (OutputFile("a.txt", 1), OutputFile("b/c/two.txt", 2))
    assert more is False


@pytest.mark.parametrize(("limit", "more"), [(0, True), (2, True), (3, False)])
def test_the_list_has_a_limit(tmp_path, limit, more):
    for name in "abc":
        (tmp_path / name).touch()
    listed, cut = list_output(tmp_path, limit)
    assert (len(listed), cut) == (limit, more)


def test_a_missing_folder_is_an_empty_list(tmp_path):
    assert list_output(tmp_path / "nothing", 5) == ((), False)


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


def test_a_maze_of_folders_is_left_at_its_depth(tmp_path):
    deep = tmp_path.joinpath(*["d"] * 40)
    deep.mkdir(parents=True)
    (deep / "hidden").touch()
    (tmp_path / "z").touch()
    listed, _ = list_output(tmp_path, 5)
    assert [item.path for item in listed] == ["z"]
