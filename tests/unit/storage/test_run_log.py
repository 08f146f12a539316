"""A log has a size limit, survives a crash exactly, and can be read while it grows."""

import json
import os
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node_poc.storage import log_files, run_log
from node_poc.storage.log_files import mark_of
from node_poc.storage.records import StorageError
from node_poc.storage.run_log import RunLog, RunLogReader


def read_all(folder, limit=7):
    reader, offset, parts = RunLogReader(folder), 0, []
    while True:
        part, offset = reader.read(offset, limit)
        if not part:
            return b"".join(parts), offset
        parts.append(part)


def test_a_short_log_is_kept_as_it_came(tmp_path):
    log = RunLog(tmp_path, 100, 100)
    log.append(b"one\r\n\xff\x00", "a")
    log.append(b"no newline", "b")
    log.close(whole=True)
    assert (tmp_path / "log").read_bytes() == b"one\r\n\xff\x00no newline"
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.state"]


def test_of_a_long_log_head_and_tail_are_kept(tmp_path):
    log = RunLog(tmp_path, 10, 20)
    data = b"".join(b"%03d\n" % number for number in range(100))
    for begin in range(0, len(data), 4):
        log.append(data[begin : begin + 4], begin)
        on_disk = sum(
            path.stat().st_size for path in tmp_path.glob("log*") if "state" not in path.name
        )
        assert on_disk <= 10 + 2 * (20 + 4)
    log.close(whole=True)
    assert (tmp_path / "log").read_bytes() == data[:10] + mark_of(400 - 30) + data[-20:]
    assert not list(tmp_path.glob("log.tail*"))


def test_without_anything_left_out_there_is_no_mark(tmp_path):
    log = RunLog(tmp_path, 10, 20)
    log.append(b"x" * 30, "")
    log.close(whole=True)
    assert (tmp_path / "log").read_bytes() == b"x" * 30
    assert RunLogReader(tmp_path).tail(1000) == (b"x" * 30, False)


def test_an_empty_log_is_a_file_too(tmp_path):
    RunLog(tmp_path, 10, 20).close(whole=True)
    assert (tmp_path / "log").read_bytes() == b""
    assert RunLogReader(tmp_path).read(0, 10) == (b"", 0)


def test_what_was_not_saved_is_taken_back_after_a_crash(tmp_path):
    log = RunLog(tmp_path, 4, 6)
    log.append(b"abcdefgh", "first")
    log.save()
    log.append(b"ij", "second")
    again = RunLog(tmp_path, 4, 6)
    assert again.bookmark == "first"
    again.append(b"ijk", "third")
    again.close(whole=True)
    assert (tmp_path / "log").read_bytes() == b"abcd" + mark_of(1) + b"fghijk"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=30), max_size=40),
    st.lists(st.integers(0, 40), max_size=6),
    st.integers(0, 40),
    st.integers(1, 40),
)
def test_crashes_anywhere_lose_and_double_nothing(tmp_path_factory, pieces, crashes, head, tail):
    folder = tmp_path_factory.mktemp("run")
    whole = b"".join(pieces)
    for crash in [*sorted(crashes), None]:
        log = RunLog(folder, head, tail)
        at = int(log.bookmark or 0)
        for number, piece in enumerate(pieces[at:], at + 1):
            if number == crash:
                break  # the object is abandoned, like by SIGKILL
            log.append(piece, number)
            if number % 3 == 0:
                log.save()
    log.close(whole=True)
    kept = (folder / "log").read_bytes()
    if len(whole) <= head + tail:
        assert kept == whole
    else:
        end = whole[len(whole) - tail :]
        assert kept == whole[:head] + mark_of(len(whole) - head - tail) + end
    assert read_all(folder) == (kept, len(whole))


def test_a_crash_while_it_is_put_together_does_no_harm(tmp_path, monkeypatch):
    log = RunLog(tmp_path, 4, 6)
    log.append(b"0123456789abcdef", "x")
    log.save()
    monkeypatch.setattr(RunLog, "_write_state", lambda *_: (_ for _ in ()).throw(OSError(5, "io")))
    with pytest.raises(StorageError):
        log.close(whole=True)
    monkeypatch.undo()
    again = RunLog(tmp_path, 4, 6)
    again.close(whole=True)
    assert (tmp_path / "log").read_bytes() == b"0123" + mark_of(6) + b"abcdef"
    assert again.is_closed
    assert RunLog(tmp_path, 4, 6).is_closed


def test_a_full_disk_takes_back_what_is_half_written(tmp_path, monkeypatch):
    log = RunLog(tmp_path, 4, 600)
    log.append(b"abcdef", "first")
    log.save()

    def half(file, data):
        os.write(file.fileno(), data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_log, "write_all", half)
    with pytest.raises(StorageError, match="No space left"):
        log.append(b"0123456789", "second")
    monkeypatch.undo()
    assert log.bookmark == "first"
    log.append(b"ghi", "third")
    log.close(whole=False)
    assert (tmp_path / "log").read_bytes() == b"abcdefghi"
    assert not log.whole


def test_a_write_that_takes_a_part_is_gone_on_with():
    class Slow:
        def __init__(self):
            self.taken = b""

        def write(self, data):
            self.taken += bytes(data[:3])
            return min(3, len(data))

    file = Slow()
    log_files.write_all(file, b"0123456789")
    assert file.taken == b"0123456789"


def test_files_shorter_than_remembered_are_taken_as_they_are(tmp_path):
    log = RunLog(tmp_path, 10, 10)
    log.append(b"0123456789abc", "x")
    log.save()
    os.truncate(tmp_path / "log.tail.0", 1)
    again = RunLog(tmp_path, 10, 10)
    again.append(b"d", "y")
    again.close(whole=True)
    assert (tmp_path / "log").read_bytes() == b"0123456789ad"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"unknown": 1}'])
def test_a_damaged_state_is_told(tmp_path, text):
    (tmp_path / "log.state").write_text(text)
    with pytest.raises(StorageError, match=r"log\.state"):
        RunLog(tmp_path, 1, 1)
    with pytest.raises(StorageError, match=r"log\.state"):
        RunLogReader(tmp_path).read(0, 1)


def test_a_link_in_the_folder_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    folder = tmp_path / "7"
    folder.mkdir()
    (folder / "log").symlink_to(victim)
    with pytest.raises(StorageError):
        RunLog(folder, 10, 10).append(b"theirs", "")
    assert victim.read_bytes() == b"mine"


def test_a_missing_folder_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError):
        RunLog(tmp_path / "none", 10, 10).append(b"x", "")


def test_reading_from_what_was_left_out_begins_with_a_mark(tmp_path):
    log = RunLog(tmp_path, 4, 4)
    for letter in b"abcdefghijklmnop":
        log.append(bytes([letter]), "")
    log.save()
    reader = RunLogReader(tmp_path)
    state = json.loads((tmp_path / "log.state").read_text())
    kept_from = state["head"] + state["dropped"]
    part, offset = reader.read(6, 2)
    assert part == mark_of(kept_from - 6) + b"abcdefghijklmnop"[kept_from : kept_from + 2]
    assert offset == kept_from + 2
    assert not reader.is_closed
    log.close(whole=True)
    assert reader.is_closed
    assert reader.read(14, 100) == (b"op", 16)
    assert reader.read(16, 100) == (b"", 16)
    assert reader.tail(2) == (b"op", True)
    assert reader.tail(100) == (b"mnop", True)
    assert RunLogReader(tmp_path / "none").tail(5) == (b"", False)


def test_a_reader_keeps_up_with_a_writer(tmp_path):
    lines = [b"line %06d\n" % number for number in range(4000)]

    def write():
        log = RunLog(tmp_path, 1000, 2000)
        for line in lines:
            log.append(line, "")
            log.save()
        log.close(whole=True)

    writer = threading.Thread(target=write)
    writer.start()
    reader, offset, seen = RunLogReader(tmp_path), 0, b""
    while True:
        over = reader.is_closed
        part, offset = reader.read(offset, 500)
        seen += part
        if over and not part:
            break
    writer.join()
    assert offset == len(b"".join(lines))
    assert seen.startswith(b"".join(lines[:60]))
    assert seen.endswith(b"".join(lines[-100:]))
    numbers = [
        int(line[5:]) for line in seen.split(b"\n") if len(line) == 11 and line[:5] == b"line "
    ]
    assert numbers == sorted(set(numbers))
