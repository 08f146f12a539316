"""Messages are sent in order within a run, for several runs at once, and again after trouble."""

import threading
import time

import pytest

from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.vantage6.errors import RefusedByServerError, UnreachableError
from node_poc.protocol.vantage6.outgoing import send_queue
from node_poc.protocol.vantage6.outgoing.send_queue import SendQueue
from tests.fakes.station import eventually


@pytest.fixture
def queue(monkeypatch):
    monkeypatch.setattr(send_queue, "_BACKOFF", Backoff(0.01, 0.05))
    made = SendQueue()
    made.start()
    yield made
    made.stop()


def test_a_runs_errands_go_in_order_and_one_run_does_not_wait_for_another(queue):
    gate, done = threading.Event(), []
    queue.put(1, lambda: (gate.wait(60), done.append("1a")), must=True)
    queue.put(1, lambda: done.append("1b"), must=True)
    queue.put(2, lambda: done.append("2"), must=True)
    eventually(lambda: done == ["2"])
    gate.set()
    eventually(lambda: done == ["2", "1a", "1b"])


def test_what_must_arrive_is_sent_until_it_does(queue):
    tries = []

    def send():
        tries.append(1)
        if len(tries) < 5:
            raise UnreachableError("away")

    queue.put(1, send, must=True)
    eventually(lambda: len(tries) == 5)


def test_what_is_overtaken_is_given_up_and_delays_nothing(queue, monkeypatch):
    monkeypatch.setattr(send_queue, "_BACKOFF", Backoff(100.0, 100.0))
    tries, done = [], []

    def away():
        tries.append(1)
        raise UnreachableError("away")

    queue.put(1, away, must=False)
    eventually(lambda: tries)
    queue.put(1, lambda: done.append("result"), must=True)
    eventually(lambda: done)


def test_a_server_that_is_back_is_tried_at_once(queue, monkeypatch):
    monkeypatch.setattr(send_queue, "_BACKOFF", Backoff(100.0, 100.0))
    tries = []

    def away():
        tries.append(1)
        if len(tries) == 1:
            raise UnreachableError("away")

    queue.put(1, away, must=True)
    eventually(lambda: tries and queue._due)
    queue.retry_now()
    eventually(lambda: len(tries) == 2)


@pytest.mark.parametrize("error", [RefusedByServerError("no", 400), RuntimeError("bug")])
def test_a_no_or_a_mistake_ends_that_errand_only(queue, error):
    done = []

    def fail():
        raise error

    for run_id in range(10):
        queue.put(run_id, fail, must=True)
        queue.put(run_id, lambda run_id=run_id: done.append(run_id), must=True)
    eventually(lambda: sorted(done) == list(range(10)))


def test_what_is_overtaken_before_its_time_is_never_sent(queue):
    gate, done = threading.Event(), []
    queue.put(1, lambda: (gate.wait(60), done.append("first")), must=True)
    for name in ("initializing", "active"):
        queue.put(1, lambda name=name: done.append(name), must=False)
    queue.put(1, lambda: done.append("end"), must=True)
    gate.set()
    eventually(lambda: done == ["first", "end"])
    assert queue._messages == {}


def test_what_waits_gives_its_time_to_what_overtakes_it(queue):
    done = []
    queue.put(1, lambda: done.append("initializing"), must=False, wait_seconds=0.3)
    queue.put(1, lambda: done.append("active"), must=False, wait_seconds=100.0)
    queue.put(2, lambda: done.append("other"), must=False)
    eventually(lambda: done == ["other", "active"])


def test_an_end_does_not_wait_for_what_it_overtakes(queue):
    done = []
    queue.put(1, lambda: done.append("active"), must=False, wait_seconds=100.0)
    queue.put(1, lambda: done.append("end"), must=True)
    eventually(lambda: done == ["end"])


def test_only_what_has_failed_is_hurried(queue):
    done = []
    queue.put(1, lambda: done.append("active"), must=False, wait_seconds=0.5)
    queue.retry_now()
    queue.put(2, lambda: done.append("other"), must=True)
    eventually(lambda: done == ["other", "active"])


def test_threads_are_made_when_there_is_something_to_send():
    queue, gate, done = SendQueue(), threading.Event(), []
    queue.start()
    try:
        assert queue._threads == []
        for run_id in range(20):
            queue.put(run_id, lambda: (gate.wait(60), done.append(1)), must=True)
        eventually(lambda: len(queue._threads) == send_queue._THREADS)
        gate.set()
        eventually(lambda: len(done) == 20)
    finally:
        queue.stop()


def test_a_busy_server_gets_fewer_optional_messages_and_every_end(queue, monkeypatch):
    monkeypatch.setattr(send_queue, "_PAUSE_SHARE", 1e9)
    monkeypatch.setattr(send_queue, "_PAUSE_MOST_SECONDS", 100.0)
    done = []
    queue.put(1, lambda: done.append("active 1"), must=False)
    eventually(lambda: done)
    for run_id in (2, 3):
        queue.put(run_id, lambda run_id=run_id: done.append(f"active {run_id}"), must=False)
    queue.put(2, lambda: done.append("end 2"), must=True)
    eventually(lambda: done == ["active 1", "end 2"])
    assert queue._messages.keys() == {3}


def test_optional_messages_go_one_at_a_time_and_all_in_the_end(queue):
    going, together = set(), []

    def send(run_id):
        going.add(run_id)
        together.append(len(going))
        time.sleep(0.01)
        going.remove(run_id)

    for run_id in range(5):
        queue.put(run_id, lambda run_id=run_id: send(run_id), must=False)
    eventually(lambda: len(together) == 5)
    assert together == [1] * 5
    eventually(lambda: queue._messages == {})
