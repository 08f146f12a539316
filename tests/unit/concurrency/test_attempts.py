"""Repeated attempts: which failures are logged as warnings, and how long a thread waits."""

import threading

import structlog
from structlog.testing import capture_logs

from node_poc.concurrency.attempts import Attempts
from node_poc.concurrency.backoff import Backoff

log = structlog.get_logger(__name__)


class Stop(threading.Event):
    """Records the waits instead of waiting."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        return False


def test_pauses_grow_with_the_failures_in_a_row_and_some_are_warnings():
    stop = Stop()
    attempts = Attempts(log, Backoff(1.0, 100.0), stop)
    with capture_logs() as lines:
        for _ in range(10):
            attempts.failed("no answer", server="s")
    assert [line["tries"] for line in lines if line["log_level"] == "warning"] == [1, 10]
    assert {line["log_level"] for line in lines} == {"warning", "debug"}
    assert lines[0]["server"] == "s"
    assert lines[0]["again_in_s"] == round(stop.waits[0], 1)
    assert 1.0 <= stop.waits[0] <= 2.0
    assert 50.0 <= stop.waits[-1] <= 100.0


def test_after_a_success_the_count_starts_again():
    stop = Stop()
    attempts = Attempts(log, Backoff(1.0, 100.0), stop)
    with capture_logs() as lines:
        for _ in range(5):
            attempts.failed("no answer")
        attempts.succeeded()
        attempts.wait()
        attempts.failed("no answer")
    assert 0.5 <= stop.waits[5] <= 1.0
    assert lines[-1]["tries"] == 1


def test_a_pause_is_at_least_as_long_as_the_other_side_asks():
    stop = Stop()
    with capture_logs():
        Attempts(log, Backoff(1.0, 100.0), stop).failed("throttled", at_least=20.0)
    assert stop.waits == [20.0]


def test_a_stopped_thread_logs_no_failure():
    stop = threading.Event()
    stop.set()
    with capture_logs() as lines:
        Attempts(log, Backoff(60.0, 60.0), stop).failed("no answer")
    assert lines == []


def test_a_stopped_thread_waits_no_longer():
    stop = threading.Event()
    stop.set()
    Attempts(log, Backoff(60.0, 60.0), stop).failed("no answer")
