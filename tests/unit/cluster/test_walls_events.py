"""The Event about the walls' verdict, by a fake API server."""

import pytest
from structlog.testing import capture_logs

from node_poc.cluster.errors import ClusterError
from node_poc.cluster.walls_events import WallsEvents
from node_poc.manifests.lease import POD_NAME_VARIABLE
from node_poc.runs.walls_verdict import Enforcement, WallsVerdict, unknown

AT_ONCE = WallsVerdict(Enforcement.AT_ONCE, tested=("a",), pods=9)
LATE = WallsVerdict(Enforcement.LATE, window_ms=700, open_ways=("a",))
NOT = WallsVerdict(Enforcement.NOT, open_ways=("a way",))


class Objects:
    def __init__(self, uid="1-2", error=None):
        self.uid, self.error, self.events = uid, error, []

    def pod_uid(self, name):
        assert name == "v6-node-1"
        return self.uid

    def create_event(self, event):
        if self.error:
            raise self.error
        self.events.append(event)


@pytest.fixture(autouse=True)
def pod(monkeypatch):
    monkeypatch.setenv(POD_NAME_VARIABLE, "v6-node-1")


@pytest.mark.parametrize(
    ("verdict", "kind", "reason"),
    [
        (AT_ONCE, "Normal", "WallsProven"),
        (LATE, "Warning", "WallsLate"),
        (NOT, "Warning", "WallsOpen"),
        (unknown("quota"), "Warning", "WallsUnknown"),
    ],
)
def test_each_verdict_is_an_event_about_the_nodes_pod(verdict, kind, reason):
    objects = Objects()
    WallsEvents(objects, "v6-jobs").tell(verdict)
    (event,) = objects.events
    assert (event["type"], event["reason"]) == (kind, reason)
    assert str(verdict) in event["message"]
    about = event["involvedObject"]
    assert (about["kind"], about["name"], about["uid"]) == ("Pod", "v6-node-1", "1-2")
    assert about["namespace"] == event["metadata"]["namespace"] == "v6-jobs"


def test_a_long_verdict_is_cut_to_the_limit_of_the_api_server():
    objects = Objects()
    WallsEvents(objects, "v6-jobs").tell(unknown("x" * 5000))
    assert len(objects.events[0]["message"]) == 1024


def test_without_a_pod_there_is_no_event(monkeypatch):
    objects = Objects(uid=None)
    WallsEvents(objects, "v6-jobs").tell(NOT)
    monkeypatch.delenv(POD_NAME_VARIABLE)
    WallsEvents(Objects(error=AssertionError()), "v6-jobs").tell(NOT)
    assert objects.events == []


def test_an_event_that_is_refused_is_a_line_in_the_log():
    objects = Objects(error=ClusterError("post", 403, "Forbidden", "no"))
    with capture_logs() as lines:
        WallsEvents(objects, "v6-jobs").tell(NOT)
    assert [(line["log_level"], line["status"]) for line in lines] == [("warning", 403)]
