"""A Job is asked for again only while nobody has seen it: a second one would run twice."""

import pytest
import stamina

from node_poc.cluster.errors import ClusterError
from node_poc.cluster.objects import ClusterObjects


class DeafApi:
    """Takes calls and loses its answers."""

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
