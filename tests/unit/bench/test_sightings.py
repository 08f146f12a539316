"""The bench's watches, and the client that opens them, without a cluster."""

import threading
from types import SimpleNamespace

import pytest

from bench.errors import BenchError
from bench.kube import Kube
from bench.sightings import Sightings

JOBS = "/apis/batch/v1/namespaces/v6-bench/jobs"


class FakeKube:
    """Open a watch of no event; ``watch`` may be told to fail."""

    def __init__(self, error=None):
        self.opened = []
        self._error = error
        self._never = threading.Event()

    def watch(self, path):
        if self._error:
            raise self._error
        self.opened.append(path)
        return iter(self._never.wait, True)


def test_both_watches_are_open_when_start_returns():
    kube = FakeKube()
    Sightings(kube, "v6-bench").start()
    assert kube.opened == [JOBS, "/api/v1/namespaces/v6-bench/pods"]


def test_a_watch_that_is_refused_ends_the_start():
    with pytest.raises(BenchError, match=f"watch {JOBS} is not open: HTTP 403"):
        Sightings(FakeKube(BenchError("HTTP 403")), "v6-bench").start()


class FakePool:
    """Answer the request for the version, then the request for a watch with ``status``."""

    def __init__(self, status, *chunks):
        self.requests = []
        self._status, self._chunks = status, chunks

    def request(self, _method, url, **_):
        self.requests.append(url.partition("?")[2])
        if "watch=true" not in url:
            return SimpleNamespace(status=200, data=b'{"metadata": {"resourceVersion": "7"}}')
        return SimpleNamespace(
            status=self._status,
            stream=lambda **_: iter(self._chunks),
            read=lambda _: b"not for you",
        )


def kube_with(pool):
    kube = object.__new__(Kube)
    kube._host, kube._headers, kube._pool = "http://192.0.2.1", {}, pool
    return kube


def test_a_watch_is_open_before_its_first_event_is_asked_for():
    pool = FakePool(200, b'{"type": "ADD', b'ED"}\n{"type": "MODIFIED"}\n')
    events = kube_with(pool).watch(JOBS)
    assert pool.requests[-1].startswith("watch=true&resourceVersion=7&")
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED"]


def test_a_refused_watch_tells_the_answer():
    with pytest.raises(BenchError, match="HTTP 403: not for you"):
        kube_with(FakePool(403)).watch(JOBS)
