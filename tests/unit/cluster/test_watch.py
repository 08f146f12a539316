"""Watching an API server whose watches always expire (410, "too old")."""

import time

import pytest

from node_poc.cluster import watch
from node_poc.cluster.errors import ExpiredError
from node_poc.cluster.watch import Watcher
from node_poc.concurrency.backoff import Backoff
from tests.fakes.station import eventually

PAUSE_SECONDS = 3.0


class ForgetfulApi:
    """An API with working lists and expiring watches; ``tells`` watches send a bookmark first."""

    def __init__(self, tells=0):
        self.lists = []
        self.tells = tells

    def call(self, *_arguments, **_options):
        self.lists.append(time.monotonic())
        return {"items": [], "metadata": {"resourceVersion": "1"}}

    def stream(self, *_arguments):
        if self.tells:
            self.tells -= 1
            yield {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "2"}}}
        raise ExpiredError("WATCH", 410, "Expired", "too old")


@pytest.fixture
def lists(monkeypatch):
    """Return the pauses between the first lists that a watcher of a ``ForgetfulApi`` makes."""
    monkeypatch.setattr(watch, "_BACKOFF", Backoff(PAUSE_SECONDS, PAUSE_SECONDS))

    def first(count, api):
        watcher = Watcher(api, "/jobs", "", lambda _: None)
        watcher.start()
        eventually(lambda: len(api.lists) >= count)
        watcher.stop()
        return [after - before for before, after in zip(api.lists, api.lists[1:], strict=False)]

    return first


def test_the_first_expiry_is_followed_by_a_list_at_once_and_the_next_by_a_pause(lists):
    pauses = lists(3, ForgetfulApi())
    assert pauses[0] < PAUSE_SECONDS / 2
    assert pauses[1] >= PAUSE_SECONDS / 2


def test_a_watch_that_told_something_before_it_expired_begins_anew_at_once(lists):
    assert max(lists(4, ForgetfulApi(tells=3))[:3]) < PAUSE_SECONDS / 2
