"""Timers, the pool of API threads, and the health server."""

import threading
import urllib.error
import urllib.request

import pytest

from node_poc.concurrency.pool import DaemonPool
from node_poc.engine import timers as timers_module
from node_poc.engine.timers import Timers
from node_poc.observe.health import Checks, HealthServer
from tests.fakes.station import eventually


@pytest.fixture
def clock(monkeypatch):
    """A monotonic clock set by the test through clock[0]."""
    now = [100.0]
    monkeypatch.setattr(timers_module.time, "monotonic", lambda: now[0])
    return now


def test_timers_run_in_order_when_they_are_due(clock):
    timers, done = Timers(), []
    for seconds, name in ((3, "c"), (1, "a"), (1, "b"), (9, "d")):
        timers.call_later(seconds, lambda name=name: done.append(name))
    timers.run_due()
    assert done == []
    clock[0] += 3
    timers.run_due()
    assert done == ["a", "b", "c"]
    assert timers.wait_seconds(60) == 6
    assert timers.wait_seconds(1) == 1
    clock[0] += 100
    assert timers.wait_seconds(1) == 0


def test_without_a_timer_the_longest_wait_is_waited():
    assert Timers().wait_seconds(1.5) == 1.5


def test_the_pool_does_calls_and_survives_one_that_fails():
    pool, done = DaemonPool("api", 8), []

    def call(value):
        if value == "bad":
            raise RuntimeError(value)
        done.append(value)

    for value in ["bad"] * 10 + ["good"] * 10:
        pool.submit(call, value)
    eventually(lambda: len(done) == 10)
    pool.stop()


def test_one_call_that_hangs_delays_no_other():
    pool, gate, done = DaemonPool("api", 8), threading.Event(), threading.Event()
    pool.submit(gate.wait)
    pool.submit(done.set)
    assert done.wait(40)
    gate.set()


def test_a_stopped_pool_begins_nothing_and_its_threads_hold_no_process():
    pool, done = DaemonPool("api", 8), []
    pool.stop()
    pool.submit(done.append, 1)
    assert done == []
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("api ")]
    assert all(thread.daemon for thread in threads)


def status_of(server, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_health_tells_alive_and_ready():
    state = {"alive": True, "ready": False}
    server = HealthServer(0, Checks(lambda: state["alive"], lambda: state["ready"]))
    server.start()
    assert (status_of(server, "/healthz"), status_of(server, "/readyz")) == (200, 503)
    state |= {"alive": False, "ready": True}
    assert (status_of(server, "/healthz"), status_of(server, "/readyz")) == (503, 200)
    assert status_of(server, "/other") == 404
    server.stop()


def test_readiness_comes_with_what_a_person_should_know():
    told = ["no run is started: the disk is full", "the server is not connected"]
    server = HealthServer(0, Checks(lambda: True, lambda: True, lambda: told))
    server.start()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/readyz", timeout=10) as answer:
        assert answer.read().decode() == "".join(f"{line}\n" for line in told)
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=10) as answer:
        assert answer.read() == b""
    server.stop()


def test_whoever_asks_a_pool_gets_the_outcome_or_the_error():
    pool = DaemonPool("asked", 2)
    assert pool.ask(divmod, 7, 2).result(30) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        pool.ask(divmod, 7, 0).result(30)
