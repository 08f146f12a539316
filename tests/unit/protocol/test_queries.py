"""What a person asks is answered in messages that the server takes."""

import json

from node_poc.protocol.ports import RunSummary
from node_poc.protocol.queries import answer
from node_poc.runs.model import Failure, Run

SERVER_TAKES_BYTES = 5_000_000


class Many:
    """A node with many runs that wait, newest first."""

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
