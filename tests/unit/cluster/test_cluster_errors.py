import json

import pytest

from node_poc.cluster.errors import (
    AlreadyThereError,
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
        (409, ConflictError, True),
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


@pytest.mark.parametrize("reason", ["Conflict", "", "Timeout"])
def test_a_conflict_is_not_there_already(reason):
    """Two simultaneous creates can conflict over a quota without either Job being created."""
    error = error_of("POST /jobs", 409, json.dumps({"reason": reason}))
    assert (type(error), error.is_transient) == (ConflictError, True)


def test_what_is_there_already_need_not_be_made_again():
    error = error_of("POST /jobs", 409, json.dumps({"reason": "AlreadyExists"}))
    assert (type(error), error.is_transient) == (AlreadyThereError, False)
    assert isinstance(error, ConflictError)


def test_how_long_the_server_wants_to_be_left_alone():
    assert error_of("GET /x", 429, "{}", "7").retry_after_seconds == 7.0
    for told in (None, "", "soon", "-1", "nan", "Wed, 21 Oct 2026 07:28:00 GMT"):
        assert error_of("GET /x", 429, "{}", told).retry_after_seconds is None


def test_what_the_api_says_is_told_in_one_line():
    body = json.dumps({"reason": "Forbidden", "message": "no\nway"})
    error = error_of("POST /jobs", 403, body)
    assert (error.reason, error.message) == ("Forbidden", "no way")
    assert str(error) == "POST /jobs: 403 Forbidden: no way"


@pytest.mark.parametrize("body", ["", "<html>", "[]", "null", "x" * 10_000])
def test_an_answer_that_is_no_status_object(body):
    assert len(error_of("GET /x", 502, body).message) <= 500
