"""Requests for which no container can be made: refused with field and rule."""

import pytest

from node_poc.protocol.vantage6.incoming.container_contract import ContractError
from node_poc.protocol.vantage6.run_request import DatabaseRequest
from node_poc.runs.status import RunStatus
from tests.unit.protocol.vantage6.incoming.container_contract.specs import made


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("nobody", "databases: this node has no database 'nobody'; it has 'default', "),
        ("Default", "no database 'Default'"),
        ("\ud800", r"'\ud800'"),
        ("l" * 255, "lll...'"),
    ],
)
def test_an_unknown_database(label, told):
    with pytest.raises(ContractError) as caught:
        made(label)
    assert told in str(caught.value)
    assert caught.value.status is RunStatus.FAILED
    assert "hidden-words" not in str(caught.value)
    str(caught.value).encode()


def test_an_image_that_is_none():
    with pytest.raises(ContractError, match="image: ") as caught:
        made(image=" image")
    assert caught.value.status is RunStatus.NO_DOCKER_IMAGE


@pytest.mark.parametrize(
    ("query", "told"),
    [("\ud800", "Unicode"), ("x" * 90_000, "must not be longer than about 8")],
)
def test_a_query_that_no_variable_can_hold(query, told):
    with pytest.raises(ContractError, match=f"SHEETS_QUERY .*{told}"):
        made(DatabaseRequest("sheets", {"query": query}))


def test_queries_that_no_job_can_hold():
    labels = ["default", "sheets", "columns", "lite", "post", "triples", "anything"]
    with pytest.raises(ContractError, match="all together"):
        made(*(DatabaseRequest(label, {"query": "x" * 60_000}) for label in labels))
