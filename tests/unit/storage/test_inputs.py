"""A run's token and input are removed once the run's result is safe, and not earlier."""

import dataclasses
import os

import pytest

from node_poc.runs.model import RunFile, RunResult
from node_poc.runs.status import RunStatus
from node_poc.storage.inputs import remove_inputs, remove_left_inputs
from node_poc.storage.records import Records, RunRecord
from tests.fakes.examples import spec
from tests.fakes.trees import names_in

FILES = (
    RunFile.of("input", b"who is ill"),
    RunFile.of("token", b"a-secret-token"),
    RunFile.of("output", b"", writable=True),
)


@pytest.fixture
def records(tmp_path):
    made = Records(tmp_path)
    made.prepare()
    return made


def leave(records, run_id, *, ended):
    made = spec(run_id, files=FILES, result_file="output")
    folder = records.folder(run_id)
    folder.mkdir()
    for file in FILES:
        (folder / file.name).write_bytes(file.content)
    records.write_run(RunRecord(made, made.digest(), 1.0))
    if ended:
        fields = dict.fromkeys(field.name for field in dataclasses.fields(RunResult))
        told = {"run_id": run_id, "status": RunStatus.COMPLETED, "log": "", "output": ()}
        records.write_result(RunResult(**{**fields, **told}))
    return folder, made


def test_all_but_the_result_goes(records):
    folder, made = leave(records, 7, ended=True)
    assert remove_inputs(folder, made) == 2
    assert names_in(folder) == ["output", "result.json", "run.json"]
    assert remove_inputs(folder, made) == 0


def test_the_record_holds_neither_and_still_knows_the_run_again(records):
    folder, made = leave(records, 7, ended=True)
    remove_inputs(folder, made)
    kept = "".join(path.read_text() for path in folder.iterdir())
    for secret in ("who is ill", "a-secret-token"):
        assert secret not in kept
    assert records.read_run(7).digest == spec(7, files=FILES, result_file="output").digest()


def test_what_cannot_be_removed_stops_nothing(records):
    folder, made = leave(records, 7, ended=True)
    (folder / "input").unlink()
    (folder / "input").mkdir()  # the kubelet creates a folder in place of a missing subPath file
    assert remove_inputs(folder, made) == 1
    assert not (folder / "token").exists()


def test_another_run_that_takes_the_number_meanwhile_keeps_its_files(records, monkeypatch):
    folder, made = leave(records, 7, ended=True)

    def make_way(run_id):
        folder.rename(folder.with_name("trash"))
        leave(records, 7, ended=False)
        return RunRecord(made, made.digest(), 1.0)

    monkeypatch.setattr(records, "read_run", make_way)
    assert remove_left_inputs(records, lambda: True) == 2
    assert (records.folder(7) / "token").exists()


def test_what_a_crash_left_is_found_and_open_runs_keep_theirs(records):
    leave(records, 7, ended=True)
    leave(records, 8, ended=False)
    damaged, _ = leave(records, 9, ended=True)
    (damaged / "run.json").write_text("no json")
    assert remove_left_inputs(records, lambda: False) == 0
    assert remove_left_inputs(records, lambda: True) == 2
    assert names_in(records.folder(7)) == ["output", "result.json", "run.json"]
    assert (records.folder(8) / "token").read_bytes() == b"a-secret-token"


def test_a_folder_that_the_node_may_not_look_into_hides_no_other(records, monkeypatch):
    leave(records, 7, ended=True)
    leave(records, 8, ended=True)
    real = os.stat

    def stat(path, *arguments, **options):
        if isinstance(path, os.PathLike) and str(path).endswith("/8/result.json"):
            raise PermissionError(13, "Permission denied")  # root could look into any folder
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", stat)
    assert list(records.ended_runs()) == [7]
