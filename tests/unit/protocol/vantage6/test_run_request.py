"""An item of a vantage6 server's list becomes a RunRequest, or an error with field and run."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.protocol.vantage6.run_request import (
    DatabaseRequest,
    RunRequest,
    RunRequestError,
    parse_run,
)
from node_poc.protocol.wire import MessageError


def link(number: int, kind: str) -> dict[str, Any]:
    return {"id": number, "link": f"/api/{kind}/{number}", "methods": ["GET"]}


def listed_run() -> dict[str, Any]:
    """Return a run in the format of server 4.15's list."""
    return {
        "id": 7,
        "status": "pending",
        "assigned_at": "2026-01-01T00:00:00.123456",
        "started_at": None,
        "finished_at": None,
        "log": None,
        "cleanup_at": None,
        "input": "eyJtZXRob2QiOiAiYXZlcmFnZSJ9",
        "blob_storage_used": False,
        "organization": link(3, "organization"),
        "node": {"id": 4, "name": "node", "status": "online", "ip": None},
        "results": link(7, "result"),
        "ports": [],
        "task": {
            "id": 5,
            "name": "average",
            "description": "",
            "image": "registry.example/group/average:1@sha256:" + "a" * 64,
            "job_id": 2,
            "status": "pending",
            "created_at": "2026-01-01T00:00:00.123456",
            "finished_at": None,
            "parent": link(1, "task"),
            "init_org": link(9, "organization"),
            "init_user": link(8, "user"),
            "collaboration": link(6, "collaboration"),
            "study": None,
            "algorithm_store": link(11, "algorithmstore"),
            "databases": [
                {"label": "default", "parameters": '{"query":"SELECT 1"}'},
                {"label": "other", "parameters": "{}"},
            ],
            "children": "/api/task?parent_id=5",
            "results": "/api/result?task_id=5",
        },
    }


def changed(path: str, value: Any) -> dict[str, Any]:
    item = copy.deepcopy(listed_run())
    *parents, name = path.split(".")
    place = item
    for parent in parents:
        place = place[parent]
    place[name] = value
    return item


def without(path: str) -> dict[str, Any]:
    item = listed_run()
    *parents, name = path.split(".")
    place = item
    for parent in parents:
        place = place[parent]
    del place[name]
    return item


def test_reads_all_that_a_server_lists() -> None:
    assert parse_run(listed_run()) == RunRequest(
        run_id=7,
        task_id=5,
        job_id=2,
        parent_id=1,
        organization_id=3,
        collaboration_id=6,
        init_org_id=9,
        init_user_id=8,
        image="registry.example/group/average:1@sha256:" + "a" * 64,
        store_id=11,
        databases=(
            DatabaseRequest("default", {"query": "SELECT 1"}),
            DatabaseRequest("other", {}),
        ),
        input="eyJtZXRob2QiOiAiYXZlcmFnZSJ9",
        blob_storage_used=False,
        was_started=False,
        created_at="2026-01-01T00:00:00.123456",
        assigned_at="2026-01-01T00:00:00.123456",
    )


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("task.parent", "parent_id"),
        ("task.init_user", "init_user_id"),
        ("task.algorithm_store", "store_id"),
    ],
)
def test_takes_null_and_absence_for_nothing(path: str, field: str) -> None:
    assert getattr(parse_run(changed(path, None)), field) is None
    assert getattr(parse_run(without(path)), field) is None


@pytest.mark.parametrize("path", ["blob_storage_used", "started_at"])
def test_older_servers_leave_out_what_has_a_meaning_then(path: str) -> None:
    assert parse_run(without(path)) == parse_run(listed_run())
    assert parse_run(changed(path, None)) == parse_run(listed_run())


@pytest.mark.parametrize("value", [None, 5, "x" * 65, ["2026"]])
def test_a_task_whose_time_is_absurd_has_none(value: Any) -> None:
    assert parse_run(changed("task.created_at", value)).created_at == ""
    assert parse_run(without("task.created_at")).created_at == ""
    assert parse_run(changed("assigned_at", value)).assigned_at == ""
    assert parse_run(without("assigned_at")).assigned_at == ""


def test_tells_a_run_that_was_started() -> None:
    assert parse_run(changed("started_at", "2026-01-01T00:00:00.123456")).was_started


@pytest.mark.parametrize("databases", [None, []])
def test_a_task_may_ask_for_no_database(databases: Any) -> None:
    assert parse_run(changed("task.databases", databases)).databases == ()
    assert parse_run(without("task.databases")).databases == ()


@pytest.mark.parametrize("parameters", [None, "", "{}", {}])
def test_a_database_may_come_without_parameters(parameters: Any) -> None:
    item = changed("task.databases", [{"label": "a", "parameters": parameters}])
    assert parse_run(item).databases == (DatabaseRequest("a", {}),)
    assert parse_run(changed("task.databases", [{"label": "a"}])).databases[0].parameters == {}


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("organization", None, "organization: "),
        ("organization", {"id": "3"}, "organization.id: "),
        ("task", "/api/task/5", "task: "),
        ("task.id", True, "task.id: "),
        ("task.job_id", 0, "task.job_id: "),
        ("task.image", "", "task.image: "),
        ("task.image", "a" * 513, "length 513"),
        ("task.init_org", None, "task.init_org: "),
        ("task.collaboration", [6], "task.collaboration: "),
        ("task.databases", {"label": "a"}, "task.databases: "),
        ("task.databases", [{"label": ""}], "task.databases[0].label: "),
        ("task.databases", [{"label": "a"}, {"label": "A"}], "twice"),
        ("task.databases", [{"label": "a"}] * 65, "task.databases: "),
        ("task.databases", [{"label": "a", "parameters": "[1]"}], "databases[0].parameters: "),
        ("task.databases", [{"label": "a", "parameters": "{"}], "JSON object, as text"),
        ("task.databases", [{"label": "a", "parameters": "[" * 200_000}], "parameters: "),
        ("task.databases", [{"label": "a", "parameters": " " * 300_000}], "262144 characters"),
        ("input", None, "input: "),
        ("input", {"a": "b"}, "an object of length 1"),
        ("blob_storage_used", "yes", "blob_storage_used: "),
    ],
)
def test_an_absurd_field_is_named_with_its_shape_and_the_run(
    path: str, value: Any, told: str
) -> None:
    with pytest.raises(RunRequestError) as caught:
        parse_run(changed(path, value))
    assert told in str(caught.value)
    assert str(caught.value).startswith("run 7: ")
    assert caught.value.run_id == 7
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "path",
    ["input", "organization", "task", "task.id", "task.job_id", "task.image", "task.init_org"],
)
def test_a_missing_field_is_named(path: str) -> None:
    with pytest.raises(RunRequestError, match=f"run 7: .*{path}: is required"):
        parse_run(without(path))


def test_no_value_stands_in_an_error() -> None:
    item = changed("task.databases", [{"label": "a", "parameters": '"secret-words"'}])
    item["input"] = ["secret-words"]
    with pytest.raises(RunRequestError) as caught:
        parse_run(item)
    assert "secret-words" not in str(caught.value)


@pytest.mark.parametrize("run_id", [None, "7", 0, -1, True, 2**63, 1.5])
def test_without_a_readable_id_the_error_has_none(run_id: Any) -> None:
    with pytest.raises(RunRequestError) as caught:
        parse_run(changed("id", run_id))
    assert caught.value.run_id is None
    assert str(caught.value).startswith("a run: id: ")


def test_input_and_parameters_stay_out_of_the_representation() -> None:
    request = parse_run(listed_run())
    assert request.input not in repr(request)
    assert "SELECT" not in repr(request)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(_json)
def test_anything_at_all_is_a_request_or_an_error_of_ours(item: Any) -> None:
    with pytest.raises(MessageError):
        parse_run(item)


@given(st.sampled_from(["id", "task", "task.databases", "task.parent", "input", "x"]), _json)
def test_any_value_in_any_place_is_a_request_or_an_error_of_ours(path: str, value: Any) -> None:
    item = changed(path, value)
    try:
        request = parse_run(item)
    except MessageError:
        return
    assert request.job_id == 2
    assert json.dumps([dict(database.parameters) for database in request.databases])
