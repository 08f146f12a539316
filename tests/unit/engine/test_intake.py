"""How a refused run ends: because of a rule, or because of trouble at the data station."""

import pytest

from node_poc.engine.intake import DiskIntake
from node_poc.runs.admission import NotAllowedError
from node_poc.runs.ports import Submission
from node_poc.runs.status import RunStatus
from node_poc.storage.records import RunRecord, StorageError
from tests.fakes.examples import config, spec


class Disk:
    """Records, past runs and work in a single fake: no run is known; methods in ``fails`` raise."""

    def __init__(self, **fails):
        self._fails = fails
        self.known = None

    def _do(self, name, otherwise=None):
        if name in self._fails:
            raise self._fails[name]
        return otherwise

    def read_run(self, _run_id):
        return self._do("read_run", self.known)

    def is_open(self, _run_id):
        return self.known is not None

    def read_result(self, _run_id):
        return None

    def check_not_gone(self, _run_id, _digest):
        self._do("check_not_gone")

    def prepare(self, record):
        return self._do("prepare", record)


def taken(disk, asked=None):
    return DiskIntake(config(), disk, disk, disk).take(Submission(asked or spec(), None))


@pytest.mark.parametrize(
    ("fails", "status", "part"),
    [
        ({"prepare": StorageError("no space left on /a/path")}, RunStatus.FAILED, "its disk"),
        ({"read_run": StorageError("x")}, RunStatus.FAILED, "its disk"),
        ({"prepare": RuntimeError("bug")}, RunStatus.FAILED, "its log tells more"),
        ({"check_not_gone": NotAllowedError("gone", RunStatus.FAILED)}, RunStatus.FAILED, "gone"),
        ({"check_not_gone": NotAllowedError("rule")}, RunStatus.NOT_ALLOWED, "rule"),
    ],
)
def test_the_status_tells_a_rule_from_trouble(fails, status, part):
    answer = taken(Disk(**fails))
    assert (answer.accepted, answer.status) == (False, status)
    assert part in answer.reason
    assert "/a/path" not in answer.reason


def test_a_number_that_is_taken_names_the_remedy():
    disk = Disk()
    disk.known = RunRecord(spec(), "another digest", 0.0)
    answer = taken(disk)
    assert (answer.accepted, answer.status) == (False, RunStatus.FAILED)
    assert "a new task_dir" in answer.reason


def test_a_rule_that_is_broken_is_not_allowed():
    answer = taken(Disk(), spec(services=("nobody",)))
    assert (answer.accepted, answer.status) == (False, RunStatus.NOT_ALLOWED)
