"""Which users may read which file, derived from modes and owners alone."""

import os
import tempfile
from pathlib import Path

import pytest

from node_poc.storage.readability import Readability, Reader, check_readable

US = os.getuid()
STRANGER = Reader(US + 12_345, frozenset({os.getgid() + 12_345}))


@pytest.fixture
def folder():
    """A folder whose parents are open to everybody, unlike the parents of tmp_path."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


def readability_of(path, reader=STRANGER, *, is_folder=False):
    return check_readable(path, reader, is_folder=is_folder).readability


def put(folder, mode):
    path = folder / "a.csv"
    path.write_text("a\n1\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("mode", "reader", "found"),
    [
        (0o644, STRANGER, Readability.READABLE),
        (0o640, STRANGER, Readability.CLOSED),
        (0o640, Reader(STRANGER.user, frozenset({os.getgid()})), Readability.READABLE),
        (0o604, Reader(STRANGER.user, frozenset({os.getgid()})), Readability.CLOSED),
        (0o600, Reader(US, frozenset()), Readability.READABLE),
        (0o044, Reader(US, frozenset({os.getgid()})), Readability.CLOSED),
    ],
)
def test_the_first_class_that_fits_counts(folder, mode, reader, found):
    assert readability_of(put(folder, mode), reader) is found


def test_a_closed_file_is_told_with_the_remedy(folder):
    path = put(folder, 0o600)
    check = check_readable(path, STRANGER, is_folder=False)
    assert (check.place, check.remedy) == (path, f"chmod o+r {path}")


def test_a_closed_folder_above_is_told_by_its_name(folder):
    (folder / "b/c").mkdir(parents=True)
    path = put(folder / "b/c", 0o644)
    (folder / "b").chmod(0o750)
    check = check_readable(path, STRANGER, is_folder=False)
    assert (check.readability, check.place) == (Readability.FOLDER_ABOVE_CLOSED, folder / "b")
    assert check.remedy == f"chmod o+x {folder / 'b'}"


def test_a_folder_is_looked_into(folder):
    path = put(folder, 0o644)
    assert readability_of(folder, is_folder=True) is Readability.READABLE
    path.chmod(0o600)
    check = check_readable(folder, STRANGER, is_folder=True)
    assert (check.readability, check.place) == (Readability.CLOSED, path)
    folder.chmod(0o711)
    assert check_readable(folder, STRANGER, is_folder=True).place == folder


def test_the_wrong_kind(folder):
    path = put(folder, 0o644)
    assert readability_of(folder) is Readability.WRONG_KIND
    assert readability_of(path, is_folder=True) is Readability.WRONG_KIND
    os.mkfifo(folder / "pipe")
    assert readability_of(folder / "pipe") is Readability.WRONG_KIND


def test_a_link_counts_as_what_it_leads_to(folder):
    path = put(folder, 0o600)
    (folder / "link").symlink_to(path)
    assert check_readable(folder / "link", STRANGER, is_folder=False).place == path
    (folder / "circle").symlink_to(folder / "circle")
    assert readability_of(folder / "circle") is Readability.MISSING


def test_missing_here_or_on_another_machine(folder):
    # An empty /srv exists on every machine.
    assert readability_of(folder / "a.csv") is Readability.UNKNOWN
    put(folder, 0o644)
    assert readability_of(folder / "b.csv") is Readability.MISSING
    assert readability_of(folder / "elsewhere/b.csv") is Readability.UNKNOWN
    assert readability_of(Path("/nowhere.csv")) is Readability.UNKNOWN
