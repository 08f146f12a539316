"""The files of the audit trail: rotation, removal by size, a torn end, a full disk."""

import os

import pytest

from node_poc.audit.chain import EMPTY, make_line
from node_poc.audit.verify import verify
from node_poc.storage import audit_files
from node_poc.storage.audit_files import AuditFiles, audit_folder, files_of, stored_lines
from node_poc.storage.records import StorageError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / ".node").mkdir()
    return audit_folder(tmp_path)


@pytest.fixture
def files(folder):
    found = AuditFiles(folder.parents[1], 8)
    found.recover()
    return found


def write(files, head, count, text="x"):
    for _ in range(count):
        line, new = make_line(head, 0.0, "run taken", {"text": text})
        files.append([line], head.n + 1)
        head = new
    return head


def test_a_new_process_goes_on_at_the_end(files, folder):
    head = write(files, EMPTY, 3)
    again = AuditFiles(folder.parents[1], 8)
    found = again.recover()
    assert (found.head, found.tail) == (head, b"")
    write(again, head, 2)
    assert verify(stored_lines(folder)).findings == []
    assert len(files_of(folder)) == 1


def test_the_chain_goes_on_over_files(files, folder, monkeypatch):
    monkeypatch.setattr(files, "_file_bytes", 2000)
    head = write(files, EMPTY, 30)
    assert len(files_of(folder)) > 3
    report = verify(stored_lines(folder), [("a head", head)])
    assert (report.findings, report.entries) == ([], 30)
    assert AuditFiles(folder.parents[1], 8).recover().head == head


def test_only_the_nodes_user_may_read_the_trail(files, folder):
    write(files, EMPTY, 1)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert files_of(folder)[0].stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("tail", [b'{"n":4,"prev"', b"\0" * 50, b"\0\0\n\0", b"no entry\n"])
def test_a_torn_end_is_found_behind_the_last_entry(files, folder, tail):
    head = write(files, EMPTY, 3)
    with files_of(folder)[0].open("ab") as file:
        file.write(tail)
    again = AuditFiles(folder.parents[1], 8)
    found = again.recover()
    assert (found.head, found.tail) == (head, tail)
    write(again, head, 1)
    assert list(stored_lines(folder))[-1].has_end


def test_a_last_line_without_a_line_feed_is_an_entry(files, folder):
    head = write(files, EMPTY, 2)
    path = files_of(folder)[0]
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    again = AuditFiles(folder.parents[1], 8)
    assert again.recover().head == head
    write(again, head, 1)
    assert verify(stored_lines(folder)).findings == []


def test_a_new_file_with_nothing_but_a_torn_line_goes_on_from_the_file_before(files, folder):
    head = write(files, EMPTY, 2)
    (folder / f"{3:015d}.jsonl").write_bytes(b'{"n":3')
    found = AuditFiles(folder.parents[1], 8).recover()
    assert (found.head, found.tail) == (head, b'{"n":3')


def test_a_full_disk_leaves_the_file_as_it_was(files, folder, monkeypatch):
    head = write(files, EMPTY, 2)
    before = files_of(folder)[0].read_bytes()
    real = os.write

    def half(descriptor, data):
        if len(data) > 10:
            return real(descriptor, bytes(data[:10]))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(audit_files.os, "write", half)
    with pytest.raises(StorageError, match="No space left"):
        write(files, head, 1)
    assert files_of(folder)[0].read_bytes() == before
    monkeypatch.setattr(audit_files.os, "write", real)
    write(files, head, 1)
    assert verify(stored_lines(folder)).findings == []


def test_a_file_that_somebody_changed_is_noticed(files, folder):
    head = write(files, EMPTY, 2)
    path = files_of(folder)[0]
    path.write_bytes(path.read_bytes()[:-9])
    line, _ = make_line(head, 0.0, "x", {})
    assert files.append([line], 3) is False
    line, _ = make_line(head, 0.0, "x", {})
    assert files.append([line], 4) is True


def test_the_oldest_file_is_surplus_when_the_trail_is_too_large(files, folder, monkeypatch):
    monkeypatch.setattr(files, "_file_bytes", 2000)
    write(files, EMPTY, 30)
    assert files.surplus() is None
    monkeypatch.setattr(files, "_keep_bytes", 4000)
    path, facts = files.surplus()
    assert path == files_of(folder)[0]
    assert facts["last"] == int(files_of(folder)[1].stem) - 1


def test_a_head_is_looked_up(files, folder, monkeypatch):
    monkeypatch.setattr(files, "_file_bytes", 2000)
    early = write(files, EMPTY, 2)
    late = write(files, early, 20)
    assert files.has(early) is True
    assert files.has(late) is True
    _, beyond = make_line(late, 0.0, "x", {})
    assert files.has(beyond) is False
    files_of(folder)[0].unlink()
    assert files.has(early) is None


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="audit"):
        AuditFiles(tmp_path / "nowhere", 8).recover()
