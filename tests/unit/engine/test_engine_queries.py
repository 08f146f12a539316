"""Questions about runs: what the engine is asked for, and what a broken disk answers."""

import shutil

import pytest

from node_poc.engine.book import RunBook
from node_poc.engine.messages import Snapshot
from node_poc.engine.queries import RunQueries
from node_poc.runs.model import Run, Stage
from node_poc.runs.ports import NoSuchRunError, QueryError
from node_poc.storage.past import PastRecords
from node_poc.storage.records import Records, RunRecord
from tests.fakes.examples import spec


class Engine:
    """Answers snapshots from a book, and remembers them."""

    def __init__(self):
        self.book = RunBook(10)
        self.asked = []

    def post(self, message):
        assert isinstance(message, Snapshot)
        self.asked.append(message.run_id)
        message.summaries.set_result(self.book.summaries(message.run_id))


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def control(engine, tmp_path):
    records, past = Records(tmp_path), PastRecords(tmp_path, None)
    records.prepare()
    past.prepare()
    for run_id in (7, 8):
        record = RunRecord(spec(run_id), "digest", 1.0)
        records.folder(run_id).mkdir()
        records.write_run(record)
        engine.book.add(Run(run_id, "digest", received_at=1.0, stage=Stage.QUEUED), record)
    return RunQueries(engine.post, records, past)


def test_a_question_about_one_run_asks_the_engine_for_this_run_only(engine, control):
    assert control.status(8).run.run_id == 8
    assert control.read_log(7, 0).grows
    with pytest.raises(NoSuchRunError):
        control.read_log(9, 0)
    assert engine.asked == [8, 7, 9]


def test_a_list_asks_for_all_runs(engine, control):
    assert [summary.run.run_id for summary in control.list_runs()] == [8, 7]
    assert engine.asked == [None]


def test_a_list_from_a_disk_that_is_gone_is_an_answer_without_a_path(control, tmp_path):
    shutil.rmtree(tmp_path)
    with pytest.raises(QueryError) as caught:
        control.list_runs()
    assert str(caught.value).startswith("the runs cannot be listed at the data station;")
    assert str(tmp_path) not in str(caught.value)
