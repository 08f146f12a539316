import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from node_poc.runs.model import RunResult
from node_poc.runs.status import RunStatus
from node_poc.storage.records import Records, RunRecord, StorageError
from tests.fakes.examples import spec

RESULT = RunResult(7, RunStatus.COMPLETED, 0, "log", False, (), False, None, 1.0, 2.0, None, 3.0)


@pytest.fixture
def records(tmp_path):
    made = Records(tmp_path)
    made.prepare()
    return made


def record(run_id=7):
    made = spec(run_id)
    return RunRecord(made, made.digest(), 1.0)


def write(records, run_id=7):
    records.folder(run_id).mkdir(exist_ok=True)
    records.write_run(record(run_id))


def test_a_run_is_remembered_and_owed_until_it_is_closed(records):
    assert records.read_run(7) is None
    assert not records.has_run(7)
    write(records)
    assert records.read_run(7) == record()
    assert records.has_run(7)
    assert records.open_runs() == [7]
    records.close_run(7)
    assert records.open_runs() == []
    assert records.has_run(7)


def test_an_update_does_not_make_it_owed_again(records):
    write(records)
    records.close_run(7)
    records.update_run(record())
    assert records.open_runs() == []


def test_closing_twice_is_fine(records):
    records.close_run(7)
    records.close_run(7)


def test_a_result_is_read_as_it_was_written(records):
    write(records)
    assert records.read_result(7) is None
    records.write_result(RESULT)
    assert records.read_result(7) == RESULT


def test_open_runs_are_in_order_and_strange_files_are_not_among_them(records, tmp_path):
    for run_id in (10, 9, 100):
        write(records, run_id)
    (tmp_path / ".node/open/notes.txt").touch()
    assert records.open_runs() == [9, 10, 100]


@pytest.mark.parametrize("name", ["run", "result"])
@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"spec": 1, "status": "x"}', "\0"])
def test_a_damaged_file_is_told_with_its_path(records, name, text):
    write(records)
    path = records.folder(7) / f"{name}.json"
    path.write_text(text)
    read = records.read_run if name == "run" else records.read_result
    with pytest.raises(StorageError, match=str(path)):
        read(7)


def test_records_are_for_the_node_alone(records, tmp_path):
    write(records)
    assert (records.folder(7) / "run.json").stat().st_mode & 0o077 == 0
    assert (tmp_path / ".node").stat().st_mode & 0o077 == 0


def test_a_crash_in_the_middle_leaves_the_old_file(records):
    """A crash leaves a half-written new file beside the old file; the node reads the old file."""
    write(records)
    (records.folder(7) / ".run.json.new").write_text("{half")
    assert records.read_run(7) == record()
    write(records)
    assert not (records.folder(7) / ".run.json.new").exists()


def test_a_folder_that_is_not_there_is_told(records, tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        records.write_result(RESULT)
    with pytest.raises(StorageError, match=r"task_dir .* not a folder"):
        Records(tmp_path / "nothing").prepare()


def as_a_stranger(action):
    """Return the error that an action raises for a user other than root, in a child process."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65_534)
            os.setuid(65_534)
        told = ""
        try:
            action()
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
        os.write(writing, told.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


def test_a_closed_folder_above_is_told_by_name_and_with_the_remedy():
    with tempfile.TemporaryDirectory() as name:
        closed = Path(name) / "closed"
        (closed / "tasks").mkdir(parents=True)
        Path(name).chmod(0o755)
        closed.chmod(0o000)
        told = as_a_stranger(Records(closed / "tasks").prepare)
        closed.chmod(0o755)
    assert told.startswith(f"StorageError: task_dir {closed}/tasks: user ")
    assert f"may not enter the folder {closed} that it lies in" in told
    assert f"`chmod o+x {closed}`" in told
    assert "Errno" not in told


def test_a_folder_that_cannot_be_written_is_told():
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        told = as_a_stranger(Records(Path(name)).prepare)
    assert "cannot write there" in told
    assert "owner of the folder" in told


def test_a_record_of_an_older_node_is_still_read(records):
    """A field added by a newer node must have a default: an update loses no run."""
    write(records)
    path = records.folder(7) / "run.json"
    data = json.loads(path.read_text())
    known = {"spec", "digest", "received_at", "job_created_at"}
    path.write_text(json.dumps({key: data[key] for key in known}))
    assert records.read_run(7) == record()


LISTINGS = {
    "newest_runs": (lambda records: records.newest_runs(1), "task_dir", "."),
    "ended_runs": (lambda records: list(records.ended_runs()), "task_dir", "."),
    "open_runs": (lambda records: records.open_runs(), "the folder of open runs", ".node/open"),
}


@pytest.mark.parametrize(("ask", "kind", "folder"), LISTINGS.values(), ids=LISTINGS)
def test_a_folder_that_is_gone_is_named_with_the_remedy(records, tmp_path, ask, kind, folder):
    shutil.rmtree(tmp_path)
    with pytest.raises(StorageError) as caught:
        ask(records)
    told = str(caught.value)
    assert told.startswith(f"{kind} {tmp_path / folder}: cannot be listed (No such file")
    assert told.endswith(f"that the folder is there and belongs to user {os.getuid()}")
