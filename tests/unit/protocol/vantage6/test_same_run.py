"""Whether the server's run is still the run known here: without certainty, no run is given up."""

import pytest

from node_poc.protocol.vantage6.errors import RefusedByServerError, UnreachableError
from node_poc.protocol.vantage6.origin import RunOrigin
from node_poc.protocol.vantage6.same_run import SameRuns

FACTS = RunOrigin(9, None, 3, "http://server", "2026-01-01T00:00:00+00:00")


class RestSession:
    """A server that answers requests for a single task, or refuses."""

    address = "http://server"

    def __init__(self, answer):
        self.answer = answer
        self.asked = 0

    def get(self, path):
        assert path == "task/9"
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("status", [401, 404])
def test_a_task_that_is_deleted_or_anothers_is_not_there(status):
    assert not SameRuns(RestSession(RefusedByServerError("no", status)), None).is_at_server(
        7, FACTS
    )


@pytest.mark.parametrize("status", [400, 403, 405])
def test_another_refusal_is_asked_again_and_gives_nothing_up(status):
    rest = RestSession(RefusedByServerError("a wall in between", status))
    same = SameRuns(rest, None)
    with pytest.raises(UnreachableError):
        same.is_at_server(7, FACTS)
    rest.answer = {"created_at": FACTS.created_at}
    assert same.is_at_server(7, FACTS)


def test_a_task_of_another_time_is_another_one():
    rest = RestSession({"created_at": "2026-01-02T00:00:00+00:00"})
    assert not SameRuns(rest, None).is_at_server(7, FACTS)


def test_who_is_sure_does_not_ask_until_the_server_was_away():
    rest = RestSession({"created_at": FACTS.created_at})
    same = SameRuns(rest, None)
    same.trust(7, FACTS)
    assert same.is_at_server(7, FACTS)
    assert rest.asked == 0
    same.doubt()
    assert same.is_at_server(7, FACTS)
    assert rest.asked == 1
