"""The run context file: the request in a form that does not need vantage6."""

import json

import pytest

from node_poc.protocol.vantage6.incoming.container_contract import ContractError, build_spec
from node_poc.protocol.vantage6.run_request import DatabaseRequest
from node_poc.runs.status import RunStatus
from tests.unit.protocol.vantage6.incoming.container_contract.specs import (
    TOKEN,
    WITH_CONTEXT,
    made,
    request_for,
)


def test_the_run_context():
    asked = DatabaseRequest("default", {"query": "x", "arguments": {"role": "x"}})
    spec = made(asked, config=WITH_CONTEXT)
    (file,) = [f for f in spec.files if f.name == "run_context.json"]
    assert not file.writable
    assert json.loads(file.content) == {
        "schema_version": "0.1",
        "entrypoint": {"name": "average"},
        "arguments": {"positional": [1], "named": {"column": "Age"}},
        "executor": {"id": 4, "kind": "vantage6-node"},
        "inputs": [
            {
                "id": "default",
                "uri": "/mnt/default.csv",
                "type": "csv",
                "arguments": {"role": "x"},
            }
        ],
        "outputs": [{"id": "result", "uri": "/mnt/data/task-000000007/output"}],
        "x-vantage6": {
            "run_id": 7,
            "task_id": 5,
            "collaboration_id": 6,
            "token_file": "/mnt/data/task-000000007/token",
            "api_proxy": {"host": "http://proxyserver", "port": "8080", "api_path": ""},
            "temporary_directory": "/mnt/tmp",
        },
    }
    paths = {mount.path for mount in spec.mounts}
    assert dict(spec.environment)["RUN_CONTEXT_FILE"] in paths


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b"[" * 100_000])
def test_an_input_of_another_kind_has_an_empty_run_context(content):
    spec = build_spec(request_for(), WITH_CONTEXT, content, TOKEN)
    (file,) = [f for f in spec.files if f.name == "run_context.json"]
    assert json.loads(file.content)["entrypoint"] == {"name": ""}


@pytest.mark.parametrize("label", ["post", "pictures"])
def test_a_run_context_tells_of_files_only(label):
    with pytest.raises(ContractError, match="run_context_file") as caught:
        made(label, config=WITH_CONTEXT)
    assert caught.value.status is RunStatus.START_FAILED
