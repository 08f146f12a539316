"""Entries about runs: no Job and no result without an entry on disk."""

import hashlib
from dataclasses import replace

import pytest

from node_poc.audit.events import Event
from node_poc.engine.run_notes import RunNotes
from node_poc.runs.holds import Hold
from node_poc.runs.model import Failure, OutputFile, RunFile, RunResult, RunSpec
from node_poc.runs.ports import Answer
from node_poc.runs.status import RunStatus
from node_poc.storage.records import RunRecord, StorageError

SPEC = RunSpec(7, "image", files=(RunFile.of("output", b""),), result_file="output")
RECORD = RunRecord(SPEC, SPEC.digest(), 1.0, owner="anna")


class Trail:
    def __init__(self):
        self.entries = []
        self.is_full = False

    def note(self, event, facts):
        self.entries.append((event, facts))

    def note_safely(self, event, facts):
        if self.is_full:
            raise StorageError("full")
        self.note(event, facts)


@pytest.fixture
def trail():
    return Trail()


def notes(trail, walls=lambda: {"verdict": "enforced at once"}):
    return RunNotes(trail, walls)


def result(**changes):
    facts = dict.fromkeys(RunResult.__dataclass_fields__)
    facts |= {"run_id": 7, "status": RunStatus.COMPLETED, "log": "lög", "output": ()}
    return RunResult(**{**facts, **changes})


def test_a_start_names_the_walls_and_the_gate(trail):
    notes(trail).starts(RECORD, is_gated=True)
    [(event, facts)] = trail.entries
    assert event is Event.RUN_STARTED
    assert (facts["gate"], facts["verdict"]) == (True, "enforced at once")
    assert facts["spec_sha256"] == RECORD.digest
    assert facts["asked_by"] == "anna"


def test_a_start_names_the_settled_image_and_its_signer(trail):
    settled = replace(RECORD, image_digest="sha256:" + "1" * 64, signed_by="release-key")
    notes(trail).starts(settled, is_gated=False)
    facts = trail.entries[0][1]
    assert facts["image_digest"] == settled.image_digest
    assert facts["signed_by"] == "release-key"


def test_a_repeated_start_is_noted_once_unless_the_walls_have_changed(trail):
    verdicts = ["a", "a", "b"]
    noted = notes(trail, lambda: {"verdict": verdicts.pop(0)})
    for _ in range(3):
        noted.starts(RECORD, is_gated=False)
    assert [facts["verdict"] for _, facts in trail.entries] == ["a", "b"]


def test_a_start_that_was_not_written_is_noted_by_the_next_try(trail):
    trail.is_full = True
    noted = notes(trail)
    with pytest.raises(StorageError):
        noted.starts(RECORD, is_gated=False)
    trail.is_full = False
    noted.starts(RECORD, is_gated=False)
    assert len(trail.entries) == 1


def test_an_end_has_size_and_hash_of_the_result(trail, tmp_path):
    (tmp_path / "output").write_bytes(b"average: 5")
    failure = Failure("OOMKilled", "d", "a", "s")
    told = result(failure=failure, output=(OutputFile("output", 10),))
    notes(trail).ends(told, SPEC, tmp_path)
    [(event, facts)] = trail.entries
    assert event is Event.RUN_ENDED
    assert (facts["result_bytes"], facts["cause"]) == (10, "OOMKilled")
    assert facts["result_sha256"] == hashlib.sha256(b"average: 5").hexdigest()
    assert facts["log_sha256"] == hashlib.sha256("lög".encode()).hexdigest()
    assert (facts["output_files"], facts["output_bytes"]) == (1, 10)


def test_a_result_that_is_no_file_has_no_hash(trail, tmp_path):
    (tmp_path / "output").symlink_to("/etc/passwd")
    notes(trail).ends(result(), SPEC, tmp_path)
    assert trail.entries[0][1]["result_sha256"] is None


def test_a_result_too_large_to_be_sent_is_not_read(trail, tmp_path):
    with (tmp_path / "output").open("wb") as file:
        file.truncate(1 << 40)
    notes(trail).ends(result(), SPEC, tmp_path)
    facts = trail.entries[0][1]
    assert (facts["result_bytes"], facts["result_sha256"]) == (1 << 40, None)


def test_a_result_does_not_leave_without_its_entry(trail, tmp_path):
    trail.is_full = True
    with pytest.raises(StorageError):
        notes(trail).ends(result(), SPEC, tmp_path)


def test_refusals_kills_and_holds_are_noted(trail):
    noted = notes(trail)
    refusal = Answer(accepted=False, reason="not here")
    noted.refused(8, "image", {"task_id": "3"}, "", refusal)
    noted.kill_requested(7)
    noted.held(Hold.WALLS, Failure("WallsNotUp", "d", "a", "policy x is missing"))
    noted.held(Hold.WALLS, None)
    noted.delivered(7)
    assert [event for event, _ in trail.entries] == [
        Event.RUN_REFUSED,
        Event.KILL_REQUESTED,
        Event.RUNS_HELD,
        Event.RUNS_RELEASED,
        Event.RESULT_DELIVERED,
    ]
    facts = trail.entries[0][1]
    assert (facts["task"], facts["reason"], facts["status"]) == (3, "not here", "not allowed")
    assert trail.entries[2][1]["reason"] == "policy x is missing"
