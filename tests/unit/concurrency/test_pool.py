"""The pool starts threads only for waiting work and ends idle threads."""

import threading
import time

import pytest

from node_poc.concurrency import pool as pool_module
from node_poc.concurrency.pool import DaemonPool


def eventually(condition):
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_thread_that_is_free_is_used_before_another_is_started():
    pool = DaemonPool("frugal", 32)
    for _ in range(50):
        pool.ask(int).result(20)
        eventually(lambda: pool._idle == pool._threads)
    assert pool._threads == 1


def test_there_are_as_many_as_are_needed_at_once_and_no_more_than_allowed():
    pool, gate = DaemonPool("busy", 4), threading.Event()
    asked = [pool.ask(gate.wait, 20) for _ in range(10)]
    eventually(lambda: pool._threads == 4)
    gate.set()
    assert all(each.result(20) for each in asked)
    assert pool._threads == 4


def test_threads_without_work_end_and_work_starts_them_again(monkeypatch):
    monkeypatch.setattr(pool_module, "_IDLE_SECONDS", 0.02)
    pool = DaemonPool("short", 4)
    for _ in range(5):
        assert pool.ask(abs, -1).result(20) == 1
        eventually(lambda: pool._threads == 0)
    assert not [each for each in threading.enumerate() if each.name.startswith("short ")]


def test_one_thread_keeps_the_order_also_while_threads_end(monkeypatch):
    monkeypatch.setattr(pool_module, "_IDLE_SECONDS", 0.0005)
    pool, done = DaemonPool("ordered", 1), []
    for number in range(2000):
        pool.submit(done.append, number)
        if number % 50 == 0:
            time.sleep(0.001)
    eventually(lambda: len(done) == 2000)
    assert done == list(range(2000))


@pytest.mark.parametrize("free", [True, False])
def test_a_stopped_pool_begins_nothing(free):
    pool, gate, done = DaemonPool("stopped", 1), threading.Event(), []
    begun = threading.Event()
    asked = pool.ask(lambda: begun.set() or gate.wait(20))
    begun.wait(20)
    if free:
        gate.set()
        asked.result(20)
    pool.stop()
    pool.submit(done.append, 1)
    gate.set()
    asked.result(20)
    time.sleep(0.05)
    assert done == []
