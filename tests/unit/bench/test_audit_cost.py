"""The time of the audit trail's entries, in a trail like the node's."""

import pytest

from bench.audit_cost import seconds_of_runs
from bench.errors import BenchError
from node_poc.audit.chain import EMPTY, make_line
from node_poc.audit.events import Event
from node_poc.storage.audit_files import audit_folder


@pytest.fixture
def task_dir(tmp_path):
    audit_folder(tmp_path / "tasks").mkdir(parents=True)
    return tmp_path / "tasks"


def write(task_dir, *events):
    head, lines = EMPTY, []
    for event in events:
        line, head = make_line(head, 0.0, event, {"run": 7})
        lines.append(line + b"\n")
    (audit_folder(task_dir) / "000000000000001.jsonl").write_bytes(b"".join(lines))


def test_the_entries_of_each_run_are_written_and_removed(task_dir):
    write(task_dir, Event.RUN_STARTED, Event.RUN_ENDED)
    before = sorted(task_dir.parent.rglob("*"))
    seconds = seconds_of_runs(task_dir, 3)
    assert len(seconds) == 3
    assert min(seconds) > 0
    assert sorted(task_dir.parent.rglob("*")) == before


def test_without_a_run_there_is_nothing_to_measure(task_dir):
    write(task_dir, Event.RUN_STARTED)
    with pytest.raises(BenchError, match="run ended"):
        seconds_of_runs(task_dir, 3)
