"""The node retries creating a Job only until the Job was seen: a second Job would run again."""

import json

import pytest
import stamina

from node_poc.cluster.errors import ClusterError, error_of
from node_poc.cluster.objects import ClusterObjects


class DeafApi:
    """An API that receives calls and loses the responses."""

    def __init__(self):
        self.calls = 0

    def call(self, *_arguments, **_options):
        self.calls += 1
        raise ClusterError("POST", 0, "ReadTimeoutError", "no answer")


@pytest.fixture(autouse=True)
def no_pauses():
    stamina.set_testing(True, attempts=4)
    yield
    stamina.set_testing(False)


@pytest.mark.parametrize(("seen_after", "calls"), [(0, 1), (2, 2), (99, 4)])
def test_a_create_is_tried_again_only_until_its_job_is_seen(seen_after, calls):
    api = DeafApi()
    objects = ClusterObjects(api, "v6-jobs")
    with pytest.raises(ClusterError):
        objects.create_job({}, lambda: api.calls < seen_after)
    assert api.calls == calls


class QuarrelsomeApi:
    """An API that answers 409 with the same reason a few times and then accepts the Job."""

    def __init__(self, reason, times):
        self.reason, self.left, self.calls = reason, times, 0

    def call(self, *_arguments, **_options):
        self.calls += 1
        self.left -= 1
        if self.left >= 0:
            raise error_of("POST", 409, json.dumps({"reason": self.reason}))
        return {}


def test_a_conflict_over_a_quota_is_tried_again_and_makes_the_job():
    api = QuarrelsomeApi("Conflict", 2)
    assert ClusterObjects(api, "v6-jobs").create_job({}, lambda: True) is True
    assert api.calls == 3


def test_a_job_that_is_there_is_not_made_again():
    api = QuarrelsomeApi("AlreadyExists", 2)
    assert ClusterObjects(api, "v6-jobs").create_job({}, lambda: True) is False
    assert api.calls == 1


class BusyApi:
    """An API that answers the first call with 429 and a time to wait."""

    def __init__(self):
        self.calls = 0

    def call(self, *_arguments, **_options):
        self.calls += 1
        if self.calls == 1:
            raise error_of("POST", 429, "{}", "3")
        return {}


def test_a_server_that_says_when_is_asked_then(monkeypatch):
    stamina.set_testing(False)
    slept = []
    monkeypatch.setattr("tenacity.nap.time.sleep", slept.append)
    assert ClusterObjects(BusyApi(), "v6-jobs").create_job({}, lambda: True) is True
    assert slept == [pytest.approx(3.0, abs=0.01)]
