"""Reporting results to a vantage6 server: large results one at a time, none above the limit."""

import pytest

from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.vantage6 import large_payloads
from node_poc.protocol.vantage6.large_payloads import MAX_BYTES, SMALL_BYTES
from node_poc.protocol.vantage6.outgoing import send_queue
from node_poc.protocol.vantage6.outgoing.logs import failure_text
from node_poc.runs.model import Failure
from node_poc.runs.status import RunStatus
from tests.fakes.station import eventually
from tests.fakes.vantage6_taking import TakingWorld, origin, result

LARGE = SMALL_BYTES * 2


@pytest.fixture
def world(monkeypatch):
    monkeypatch.setattr(send_queue, "_BACKOFF", Backoff(0.01, 0.05))
    monkeypatch.setattr(large_payloads, "_WAIT_SECONDS", 0.05)
    made = TakingWorld()
    yield made
    made.close()


@pytest.fixture
def results(world, monkeypatch):
    """Return the sizes of results by run id; the test sets the size of each run's result."""
    sizes = {}
    monkeypatch.setattr(world.engine, "result_file_size", lambda run_id: sizes[run_id])
    monkeypatch.setattr(
        world.engine, "read_result_file", lambda run_id, _limit: bytes(sizes[run_id])
    )
    return sizes


def send(world, run_id, status=RunStatus.COMPLETED):
    """Report a result; return a list that is empty until the result is delivered."""
    world.add(run_id)
    world.engine.origins[run_id] = origin(run_id)
    done = []
    world.reports.report_result(result(run_id, status), lambda: done.append(run_id))
    return done


@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.CRASHED])
def test_what_is_too_large_is_never_read_and_the_researcher_reads_why(
    world, results, monkeypatch, status
):
    results[1] = MAX_BYTES + 1
    monkeypatch.setattr(world.engine, "read_result_file", None)
    done = send(world, 1, status)
    eventually(lambda: done)
    (end,) = world.ends(1)
    assert "result" not in end
    if status is RunStatus.CRASHED:
        assert (end["status"], end["log"]) == ("crashed", "log")
    else:
        assert end["status"] == "failed"
        assert end["log"] == (
            f"log\n[node] The result cannot be sent: it has {MAX_BYTES + 1} bytes, and this node "
            f"sends {MAX_BYTES} at the most; let the algorithm return less"
        )


def test_a_run_that_left_nothing_ends_without_a_result(world, results):
    results[1] = 0
    done = send(world, 1)
    eventually(lambda: done)
    (end,) = world.ends(1)
    assert end["status"] == "completed"
    assert "result" not in end


def test_large_results_wait_for_each_other_and_hold_up_no_small_one(world, results):
    results |= {1: LARGE, 2: LARGE, 3: LARGE, 4: LARGE, 5: LARGE, 6: 10}
    with world.access.large_payloads.hold_large():
        large = [send(world, run_id) for run_id in range(1, 6)]
        small = send(world, 6)
        eventually(lambda: small)
        assert not any(large)
    eventually(lambda: all(large))
    assert {run_id: len(world.ends(run_id)) for run_id in results} == dict.fromkeys(results, 1)


def test_no_large_result_is_read_before_the_one_before_is_sent(world, results, monkeypatch):
    waiting = []

    def read(run_id, _limit):
        waiting.append(len(waiting) - len(world.patched))
        return bytes(results[run_id])

    monkeypatch.setattr(world.engine, "read_result_file", read)
    results |= dict.fromkeys(range(1, 9), LARGE)
    sent = [send(world, run_id) for run_id in results]
    eventually(lambda: all(sent))
    assert waiting == [0] * len(results)


def test_reason_and_advice_stand_on_lines_of_their_own():
    failure = Failure("OOMKilled", "it needed more memory", "Use less.", "on machine-7")
    assert failure_text(failure) == "[node] Reason: it needed more memory\n[node] Advice: Use less."
    assert failure_text(Failure("X", "why", "")) == "[node] Reason: why"
    assert failure_text(None) == ""
