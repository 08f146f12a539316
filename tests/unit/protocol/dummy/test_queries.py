"""Answers to a person's questions, as messages within the server's limits."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.protocol.dummy.queries import answer
from node_poc.protocol.wire import MessageError
from node_poc.runs.model import Failure, Run
from node_poc.runs.ports import LogPart, RunSummary

SERVER_TAKES_BYTES = 5_000_000


class Many:
    """A node with many waiting runs, newest first."""

    def __init__(self, count):
        failure = Failure("Queued", "d" * 300, "a" * 300)
        self.runs = [
            RunSummary(Run(run_id, "", 1.0, failure=failure), "i" * 512, run_id)
            for run_id in range(count, 0, -1)
        ]

    def list_runs(self):
        return self.runs


def test_a_list_that_fits_is_whole():
    told = answer("list", {}, Many(3))
    assert [run["run_id"] for run in told["runs"]] == [3, 2, 1]
    assert told["more"] == 0


def test_a_long_list_ends_before_the_message_is_too_long_and_says_so():
    told = answer("list", {}, Many(6000))
    assert len(json.dumps(told)) < SERVER_TAKES_BYTES / 2
    assert told["runs"][0]["run_id"] == 6000
    assert len(told["runs"]) > 1000
    assert len(told["runs"]) + told["more"] == 6000


class Log:
    """A node with a single log, read in parts of 7 bytes."""

    def __init__(self, data, grows=False):
        self.data, self.grows = data, grows

    def read_log(self, _run_id, offset):
        data = self.data[offset : offset + 7]
        ended = not self.grows and not data
        return LogPart(data, offset + len(data), ended=ended, grows=self.grows)


def read_all(log):
    text, offset = "", 0
    for _ in range(100):
        told = answer("log", {"run_id": 7, "offset": offset}, log)
        text, offset = text + told["text"], told["next_offset"]
        if told["ended"]:
            return text
    raise AssertionError("it never ended")


@given(st.text(max_size=40))
def test_no_character_of_a_log_is_torn_at_the_end_of_a_part(text):
    assert read_all(Log(text.encode())) == text


@given(st.binary(max_size=40))
def test_a_log_of_anything_comes_to_its_end(data):
    assert read_all(Log(data)) == data.decode("utf-8", "replace")


def test_half_a_character_waits_for_its_other_half():
    first = answer("log", {"run_id": 7}, Log(b"\xe2\x82", grows=True))
    assert (first["text"], first["next_offset"]) == ("", 0)
    assert answer("log", {"run_id": 7}, Log("€".encode(), grows=True))["text"] == "€"


class Kills:
    """A node that is asked to kill nothing in these tests."""

    def kill(self, run_ids):
        raise AssertionError(run_ids)


@pytest.mark.parametrize("run_id", [0, -1, 2**63, 10**400])
def test_a_kill_names_runs_that_there_can_be(run_id):
    with pytest.raises(MessageError, match="run_ids"):
        answer("kill", {"run_ids": [7, run_id]}, Kills())
