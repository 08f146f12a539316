import json

import pytest

from node_poc.cluster.errors import (
    ClusterError,
    ConflictError,
    ExpiredError,
    NotFoundError,
    error_of,
)


@pytest.mark.parametrize(
    ("status", "kind", "transient"),
    [
        (0, ClusterError, True),
        (400, ClusterError, False),
        (403, ClusterError, False),
        (404, NotFoundError, False),
        (408, ClusterError, True),
        (409, ConflictError, False),
        (410, ExpiredError, False),
        (422, ClusterError, False),
        (429, ClusterError, True),
        (500, ClusterError, True),
        (503, ClusterError, True),
    ],
)
def test_which_errors_may_pass(status, kind, transient):
    error = error_of("GET /x", status, "{}")
    assert type(error) is kind
    assert error.is_transient is transient


def test_what_the_api_says_is_told_in_one_line():
    body = json.dumps({"reason": "Forbidden", "message": "no\nway"})
    error = error_of("POST /jobs", 403, body)
    assert (error.reason, error.message) == ("Forbidden", "no way")
    assert str(error) == "POST /jobs: 403 Forbidden: no way"


@pytest.mark.parametrize("body", ["", "<html>", "[]", "null", "x" * 10_000])
def test_an_answer_that_is_no_status_object(body):
    assert len(error_of("GET /x", 502, body).message) <= 500
