"""The thread that writes the audit trail: order, a full disk, damage found at the start."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from node_poc.audit.chain import Head
from node_poc.audit.events import Event
from node_poc.audit.verify import verify
from node_poc.storage.audit_files import AuditFiles, audit_folder, files_of, stored_lines
from node_poc.storage.audit_trail import AuditTrail
from node_poc.storage.records import StorageError
from tests.fakes.station import eventually

_WRITER = """
import sys
from pathlib import Path
from node_poc.audit.events import Event
from node_poc.storage.audit_files import AuditFiles
from node_poc.storage.audit_trail import AuditTrail

trail = AuditTrail(AuditFiles(Path(sys.argv[1]), 8))
trail.start("")
for n in range(1_000_000):
    trail.note_safely(Event.RUN_TAKEN, {"run": n})
    print(trail.head, flush=True)
"""


@pytest.fixture
def task_dir(tmp_path):
    (tmp_path / ".node").mkdir()
    return tmp_path


def begin(task_dir, published=""):
    trail = AuditTrail(AuditFiles(task_dir, 8))
    trail.start(published)
    return trail


def entries(task_dir):
    return [json.loads(line.raw) for line in stored_lines(audit_folder(task_dir))]


def events(task_dir):
    return [entry["event"] for entry in entries(task_dir)]


def findings(task_dir, *heads):
    return verify(stored_lines(audit_folder(task_dir)), [("x", head) for head in heads]).findings


def test_entries_are_written_in_order_and_a_new_process_goes_on(task_dir):
    trail = begin(task_dir)
    for run_id in range(50):
        trail.note(Event.RUN_TAKEN, {"run": run_id})
    trail.note_safely(Event.RUN_STARTED, {"run": 50})
    assert [entry["run"] for entry in entries(task_dir)] == list(range(51))
    head = trail.head
    trail.stop(5)
    again = begin(task_dir, head)
    again.note(Event.NODE_STARTED, {})
    again.stop(5)
    assert events(task_dir)[-1] == Event.NODE_STARTED
    assert findings(task_dir) == []


def test_the_last_entries_are_written_at_the_end(task_dir):
    trail = begin(task_dir)
    trail.note(Event.NODE_ENDED, {})
    trail.stop(5)
    assert events(task_dir) == [Event.NODE_ENDED]


def test_a_trail_that_was_given_up_writes_nothing_more(task_dir):
    trail = begin(task_dir)
    trail.note_safely(Event.RUN_TAKEN, {})
    trail.abandon()
    trail.note(Event.NODE_ENDED, {})
    trail.stop(5)
    assert Event.NODE_ENDED not in events(task_dir)[2:]


def test_a_cut_end_is_recorded_at_the_next_start(task_dir):
    trail = begin(task_dir)
    for _ in range(3):
        trail.note_safely(Event.RUN_TAKEN, {})
    head = trail.head
    trail.stop(5)
    path = files_of(audit_folder(task_dir))[0]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    again = begin(task_dir, head)
    again.note_safely(Event.NODE_STARTED, {})
    again.stop(5)
    assert events(task_dir)[2:] == [Event.HEAD_MISSING, Event.NODE_STARTED]
    assert "the node itself noted" in findings(task_dir)[0]


@pytest.mark.parametrize("published", [str(Head(5, "0" * 64)), "no head at all"])
def test_a_trail_that_is_gone_is_recorded(task_dir, published):
    trail = begin(task_dir, published)
    trail.note_safely(Event.NODE_STARTED, {})
    trail.stop(5)
    assert events(task_dir) == [Event.HEAD_MISSING, Event.NODE_STARTED]


def test_no_head_is_told_before_the_former_head_was_compared(task_dir):
    trail = AuditTrail(AuditFiles(task_dir, 8))
    assert trail.head == ""
    trail.note(Event.NODE_STARTED, {})
    assert trail.head == ""


def test_who_waits_for_an_entry_hears_of_a_full_disk_and_the_rest_is_written_later(
    task_dir, monkeypatch
):
    monkeypatch.setattr("node_poc.storage.audit_trail._AGAIN_SECONDS", 0.01)
    files = AuditFiles(task_dir, 8)
    real, is_full = files.append, [True]

    def append(lines, first):
        if is_full:
            raise StorageError("no space")
        return real(lines, first)

    monkeypatch.setattr(files, "append", append)
    trail = AuditTrail(files)
    trail.note(Event.RUN_TAKEN, {"run": 1})
    trail.start("")
    with pytest.raises(StorageError, match="no space"):
        trail.note_safely(Event.RUN_STARTED, {"run": 1})
    assert "no space" in trail.remark
    is_full.clear()
    trail.note_safely(Event.RUN_STARTED, {"run": 1})
    assert trail.remark is None
    assert events(task_dir) == [Event.RUN_TAKEN, Event.RUN_STARTED]
    trail.stop(5)


def test_entries_beyond_the_memory_are_counted(task_dir, monkeypatch):
    monkeypatch.setattr("node_poc.storage.audit_trail._MOST_WAITING", 3)
    trail = AuditTrail(AuditFiles(task_dir, 8))
    for run_id in range(5):
        trail.note(Event.RUN_REFUSED, {"run": run_id})
    with pytest.raises(StorageError):
        trail.note_safely(Event.RUN_STARTED, {"run": 9})
    trail.start("")
    trail.stop(5)
    assert entries(task_dir)[0]["entries"] == 2
    assert len(entries(task_dir)) == 4


def test_the_oldest_files_go_and_the_rest_is_whole(task_dir):
    files = AuditFiles(task_dir, 8)
    files._file_bytes, files._keep_bytes = 20_000, 60_000
    trail = AuditTrail(files)
    trail.start("")
    for _ in range(30):
        trail.note_safely(Event.RUN_REFUSED, {"texts": ["r" * 490] * 20})
    trail.stop(5)
    folder = audit_folder(task_dir)
    assert sum(path.stat().st_size for path in files_of(folder)) < 90_000
    assert entries(task_dir)[0]["n"] > 1
    assert findings(task_dir) == []


def test_a_killed_process_leaves_every_entry_that_it_waited_for(task_dir):
    """A real process, killed in the middle of its work: the next process goes on with the chain."""
    command = [sys.executable, "-c", _WRITER, str(task_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        told = [process.stdout.readline() for _ in range(40)]
        os.kill(process.pid, signal.SIGKILL)
    [*_, last] = [line.strip() for line in told]
    again = begin(task_dir, last)
    again.note_safely(Event.NODE_STARTED, {})
    again.stop(5)
    number, _, digest = last.partition(":")
    assert findings(task_dir, Head(int(number), digest)) == []
    assert Event.HEAD_MISSING not in events(task_dir)


def test_a_line_torn_by_a_crash_is_recorded_and_the_chain_goes_on(task_dir):
    trail = begin(task_dir)
    trail.note_safely(Event.RUN_TAKEN, {"run": 1})
    head = trail.head
    trail.stop(5)
    path = files_of(audit_folder(task_dir))[0]
    with path.open("ab") as file:
        file.write(path.read_bytes()[:50])
    again = begin(task_dir, head)
    again.note_safely(Event.NODE_STARTED, {})
    again.stop(5)
    found = verify(stored_lines(audit_folder(task_dir)))
    assert found.findings == []
    assert len(found.notes) == 1
    lines = [line.raw for line in stored_lines(audit_folder(task_dir))]
    assert json.loads(lines[-2])["event"] == Event.TORN_LINE


def test_a_file_that_is_changed_while_the_node_works_is_recorded(task_dir):
    trail = begin(task_dir)
    trail.note_safely(Event.RUN_TAKEN, {"run": 1})
    files_of(audit_folder(task_dir))[0].write_bytes(b"")
    trail.note_safely(Event.RUN_TAKEN, {"run": 2})
    trail.stop(5)
    assert events(task_dir) == [Event.RUN_TAKEN, Event.FILE_CHANGED]
    assert len(findings(task_dir)) == 2


def test_stopping_takes_no_time_while_the_disk_is_in_trouble(task_dir):
    (task_dir / ".node").rmdir()
    trail = begin(task_dir)
    trail.note(Event.RUN_TAKEN, {})
    eventually(lambda: trail.remark)
    began = time.monotonic()
    trail.stop(4)
    assert time.monotonic() - began < 3
