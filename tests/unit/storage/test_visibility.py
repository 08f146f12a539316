"""Which users may read which file, derived from modes and owners alone."""

import os
import tempfile
from pathlib import Path

import pytest

from node_poc.storage.visibility import Reader, Sight, look

US = os.getuid()
STRANGER = Reader(US + 12_345, frozenset({os.getgid() + 12_345}))


@pytest.fixture
def folder():
    """A folder whose parents are open to everybody, unlike the parents of tmp_path."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


def sight(path, reader=STRANGER, *, is_folder=False):
    return look(path, reader, is_folder=is_folder).sight


def put(folder, mode):
    path = folder / "a.csv"
    path.write_text("a\n1\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("mode", "reader", "found"),
    [
        (0o644, STRANGER, Sight.READABLE),
        (0o640, STRANGER, Sight.CLOSED),
        (0o640, Reader(STRANGER.user, frozenset({os.getgid()})), Sight.READABLE),
        (0o604, Reader(STRANGER.user, frozenset({os.getgid()})), Sight.CLOSED),
        (0o600, Reader(US, frozenset()), Sight.READABLE),
        (0o044, Reader(US, frozenset({os.getgid()})), Sight.CLOSED),
    ],
)
def test_the_first_class_that_fits_counts(folder, mode, reader, found):
    assert sight(put(folder, mode), reader) is found


def test_a_closed_file_is_told_with_the_remedy(folder):
    path = put(folder, 0o600)
    seen = look(path, STRANGER, is_folder=False)
    assert (seen.place, seen.remedy) == (path, f"chmod o+r {path}")


def test_a_closed_folder_above_is_told_by_its_name(folder):
    (folder / "b/c").mkdir(parents=True)
    path = put(folder / "b/c", 0o644)
    (folder / "b").chmod(0o750)
    seen = look(path, STRANGER, is_folder=False)
    assert (seen.sight, seen.place) == (Sight.CLOSED_ABOVE, folder / "b")
    assert seen.remedy == f"chmod o+x {folder / 'b'}"


def test_a_folder_is_looked_into(folder):
    path = put(folder, 0o644)
    assert sight(folder, is_folder=True) is Sight.READABLE
    path.chmod(0o600)
    seen = look(folder, STRANGER, is_folder=True)
    assert (seen.sight, seen.place) == (Sight.CLOSED, path)
    folder.chmod(0o711)
    assert look(folder, STRANGER, is_folder=True).place == folder


def test_the_wrong_kind(folder):
    path = put(folder, 0o644)
    assert sight(folder) is Sight.WRONG_KIND
    assert sight(path, is_folder=True) is Sight.WRONG_KIND
    os.mkfifo(folder / "pipe")
    assert sight(folder / "pipe") is Sight.WRONG_KIND


def test_a_link_counts_as_what_it_leads_to(folder):
    path = put(folder, 0o600)
    (folder / "link").symlink_to(path)
    assert look(folder / "link", STRANGER, is_folder=False).place == path
    (folder / "circle").symlink_to(folder / "circle")
    assert sight(folder / "circle") is Sight.MISSING


def test_missing_here_or_on_another_machine(folder):
    assert sight(folder / "a.csv") is Sight.UNSEEN  # an empty /srv exists on every machine
    put(folder, 0o644)
    assert sight(folder / "b.csv") is Sight.MISSING
    assert sight(folder / "elsewhere/b.csv") is Sight.UNSEEN
    assert sight(Path("/nowhere.csv")) is Sight.UNSEEN
