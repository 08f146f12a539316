"""The environment of a vantage6 algorithm: each variable and its encoding, all files and mounts."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client import V1Job

from node_poc.config.load import parse_config
from node_poc.manifests.databases import build_databases_secret, encode
from node_poc.manifests.identity import reaches_label
from node_poc.manifests.job import build_job
from node_poc.protocol.vantage6.incoming.container_contract import ContractError, build_spec
from node_poc.protocol.vantage6.run_request import DatabaseRequest, RunRequest
from node_poc.runs.admission import check_admission
from node_poc.runs.model import MountSource
from node_poc.runs.status import RunStatus

TESTS = Path(__file__).resolve().parents[4]
GOLDEN = TESTS / "golden/job_vantage6.json"
TEXT = (TESTS / "fakes/vantage6_node.yaml").read_text()
CONFIG = parse_config(TEXT.replace("run_context_file: true", "run_context_file: false"), {})
WITH_CONTEXT = parse_config(TEXT, {})
INPUT = json.dumps({"method": "average", "args": [1], "kwargs": {"column": "Age"}}).encode()
TOKEN = "a-token-that-is-secret"
ALWAYS = {
    "INPUT_FILE": "/mnt/data/task-000000007/input",
    "OUTPUT_FILE": "/mnt/data/task-000000007/output",
    "TOKEN_FILE": "/mnt/data/task-000000007/token",
    "TEMPORARY_FOLDER": "/mnt/tmp",
    "HOST": "http://proxyserver",
    "PORT": "8080",
    "API_PATH": "",
}
ALGORITHM_ENV = {"player": "Alice", "count": "3"}


def request_for(*databases, **changes):
    asked = tuple(d if isinstance(d, DatabaseRequest) else DatabaseRequest(d) for d in databases)
    return replace(
        RunRequest(
            run_id=7,
            task_id=5,
            job_id=2,
            parent_id=None,
            organization_id=3,
            collaboration_id=6,
            init_org_id=9,
            init_user_id=8,
            image="registry.example/average:1",
            store_id=None,
            databases=asked,
            input="",
        ),
        **changes,
    )


def made(*databases, config=CONFIG, **changes):
    return build_spec(request_for(*databases, **changes), config, INPUT, TOKEN, node_id=4)


def decode(text):
    """Decode a value like the algorithm tools (vantage6.algorithm.tools.util.get_env_var)."""
    return base64.b32decode(text.replace("!", "=").encode()).decode()


def seen(spec, config=CONFIG):
    """Return the variables as the algorithm reads them, including the variables from the Secret."""
    secret = build_databases_secret(config)["stringData"]
    values = dict(spec.environment) | {name: secret[key] for name, key in spec.secrets}
    assert len(values) == len(spec.environment) + len(spec.secrets)
    return {name: decode(value) for name, value in values.items()}


def test_without_a_database():
    labels = {"USER_REQUESTED_DATABASE_LABELS": "", "DB_LABELS": ""}
    assert seen(made()) == ALWAYS | labels | ALGORITHM_ENV


@pytest.mark.parametrize(
    ("label", "variables"),
    [
        ("default", {"URI": "/mnt/default.csv", "TYPE": "csv"}),
        ("sheets", {"URI": "/mnt/sheets.xlsx", "TYPE": "excel"}),
        ("columns", {"URI": "/mnt/columns.parquet", "TYPE": "parquet"}),
        ("lite", {"URI": "/mnt/lite.sqlite", "TYPE": "sql"}),
        ("pictures", {"URI": "/mnt/pictures", "TYPE": "folder"}),
        ("anything", {"URI": "/mnt/anything.bin", "TYPE": "other"}),
        (
            "post",
            {"URI": "postgresql://reader:hidden-words@10.1.2.3:5432/hospital", "TYPE": "sql"},
        ),
        ("triples", {"URI": "http://triples.example:7200/repositories/one", "TYPE": "sparql"}),
    ],
)
def test_each_type_of_database(label, variables):
    named = {f"{label.upper()}_DATABASE_{name}": value for name, value in variables.items()}
    labels = {"USER_REQUESTED_DATABASE_LABELS": label, "DB_LABELS": label}
    spec = made(label)
    assert seen(spec) == ALWAYS | labels | named | ALGORITHM_ENV
    check_admission(spec, CONFIG)


def test_an_omop_database_with_its_parameters():
    values = seen(made("ohdsi"))
    assert values["OHDSI_DATABASE_URI"] == "jdbc:postgresql://host.docker.internal:5454/postgres"
    assert values["OHDSI_DATABASE_TYPE"] == "omop"
    assert values["OHDSI_DB_PARAM_PASSWORD"] == "hidden-words"
    assert values["OHDSI_DB_PARAM_CDM_SCHEMA"] == "cdm"


def test_labels_in_the_order_asked_and_of_no_other_database():
    values = seen(made("pictures", "default"))
    assert values["USER_REQUESTED_DATABASE_LABELS"] == "pictures,default"
    assert values["DB_LABELS"] == "pictures,default"
    assert {name for name in values if "DATABASE_URI" in name} == {
        "PICTURES_DATABASE_URI",
        "DEFAULT_DATABASE_URI",
    }


def test_what_is_asked_of_a_database():
    asked = DatabaseRequest(
        "sheets",
        {
            "query": "SELECT ä $(HOME)",
            "sheet_name": 3,
            "preprocessing": [{"function": "f"}],
            "arguments": {"role": "x"},
            "unknown": "y",
        },
    )
    values = seen(made(asked))
    assert values["SHEETS_QUERY"] == "SELECT ä $(HOME)"
    assert values["SHEETS_SHEET_NAME"] == "3"
    assert json.loads(values["SHEETS_PREPROCESSING"]) == [{"function": "f"}]
    assert set(values) - set(ALWAYS) - set(ALGORITHM_ENV) == {
        "USER_REQUESTED_DATABASE_LABELS",
        "DB_LABELS",
        "SHEETS_DATABASE_URI",
        "SHEETS_DATABASE_TYPE",
        "SHEETS_QUERY",
        "SHEETS_SHEET_NAME",
        "SHEETS_PREPROCESSING",
    }


def test_null_asks_for_nothing():
    assert "SHEETS_QUERY" not in seen(made(DatabaseRequest("sheets", {"query": None})))


def test_files_and_mounts():
    spec = made("default", "pictures", "post")
    assert [(f.name, f.content, f.writable) for f in spec.files] == [
        ("input", INPUT, False),
        ("token", TOKEN.encode(), False),
        ("output", b"", True),
    ]
    assert spec.result_file == "output"
    found = {m.path: (m.source, m.name, m.read_only, m.is_folder) for m in spec.mounts}
    folder = "/mnt/data/task-000000007"
    shared = found["/mnt/tmp"][1]
    assert found == {
        f"{folder}/input": (MountSource.RUN, "input", True, False),
        f"{folder}/token": (MountSource.RUN, "token", True, False),
        f"{folder}/output": (MountSource.RUN, "output", False, False),
        "/mnt/tmp": (MountSource.SHARED, shared, False, True),
        "/mnt/default.csv": (MountSource.DATABASE, "default", True, False),
        "/mnt/pictures": (MountSource.DATABASE, "pictures", True, True),
    }
    assert spec.services == ("post",)
    assert spec.databases == ("default", "pictures", "post")


def test_tmp_is_shared_within_a_job_of_one_node():
    def name(config=CONFIG, **changes):
        (mount,) = [m for m in made(config=config, **changes).mounts if m.path == "/mnt/tmp"]
        return mount.name

    other = parse_config(TEXT, {"V6_API_KEY": "other"})
    assert name(run_id=7) == name(run_id=8, task_id=6)
    assert len({name(), name(job_id=3), name(config=other)}) == 3


def test_what_the_adapter_needs_at_the_end():
    created_at = "2026-01-01T00:00:00.123456"
    assigned_at = "2026-01-01T00:00:00.234567"
    origin = dict(made(parent_id=1, created_at=created_at, assigned_at=assigned_at).origin)
    assert origin == {
        "task_id": "5",
        "parent_id": "1",
        "job_id": "2",
        "organization_id": "3",
        "collaboration_id": "6",
        "init_org_id": "9",
        "server": CONFIG.server_address,
        "created_at": created_at,
        "assigned_at": assigned_at,
    }
    assert dict(made().origin)["parent_id"] == ""


def test_algorithm_env_overrides_all_but_the_run_context():
    overrides = "algorithm_env: {PORT: 1, DEFAULT_DATABASE_URI: mine, RUN_CONTEXT_FILE: no}"
    text = TEXT.replace("algorithm_env:\n  player: Alice\n  count: 3\n", overrides + "\n")
    config = parse_config(text, {})
    spec = made("default", config=config)
    plain = dict(spec.environment)
    assert plain.pop("RUN_CONTEXT_FILE") == "/mnt/data/task-000000007/run_context.json"
    values = seen(replace(spec, environment=tuple(plain.items())), config)
    assert values["PORT"] == "1"
    assert values["DEFAULT_DATABASE_URI"] == "mine"


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


@given(st.text())
def test_any_value_is_decoded_as_it_was(text):
    encoded = encode(text)
    assert decode(encoded) == text
    assert set(encoded) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567!")


def test_vantage6_own_example_of_the_encoding():
    assert encode("abc") == "MFRGG!!!"
    assert encode("") == ""


def full_job():
    asked = DatabaseRequest("post", {"query": "SELECT age FROM people"})
    spec = made("default", "pictures", asked, "ohdsi")
    addresses = {"db.example": "192.0.2.9", "db2.example": "192.0.2.9"}
    return build_job(spec, CONFIG, "10.96.0.77", 10001, addresses)


def test_a_whole_job_is_as_it_was(request):
    """``pytest --update-golden`` writes the file; people review the diff."""
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(json.dumps(full_job(), indent=2) + "\n")
    assert full_job() == json.loads(GOLDEN.read_text())
    V1Job.model_validate(json.loads(json.dumps(full_job())))


def test_no_secret_stands_in_a_job():
    written = json.dumps(full_job())
    for secret in ("hidden-words", TOKEN, "Alice"):
        assert secret not in written
        assert encode(secret).rstrip("!")[:-1] not in written
    assert CONFIG.api_key not in written


def test_a_job_names_the_keys_that_the_secret_has():
    job = full_job()
    secret = build_databases_secret(CONFIG)
    container = job["spec"]["template"]["spec"]["containers"][0]
    references = [
        variable["valueFrom"]["secretKeyRef"]
        for variable in container["env"]
        if "valueFrom" in variable
    ]
    assert {each["name"] for each in references} == {secret["metadata"]["name"]}
    assert {each["key"] for each in references} <= set(secret["stringData"])
    assert len(references) == 2 + 6 + len(ALGORITHM_ENV)


def test_the_secret_holds_what_is_secret_and_no_path():
    keys = set(build_databases_secret(CONFIG)["stringData"])
    assert keys == {
        "POST_DATABASE_URI",
        "TRIPLES_DATABASE_URI",
        "OHDSI_DATABASE_URI",
        *(f"OHDSI_DB_PARAM_{name}" for name in ("DBMS", "USER", "PASSWORD")),
        *(f"OHDSI_DB_PARAM_{name}" for name in ("CDM_DATABASE", "CDM_SCHEMA", "RESULTS_SCHEMA")),
        "algorithm-env.player",
        "algorithm-env.count",
    }


def test_a_file_that_names_a_service_is_mounted_and_its_service_reached():
    egress = {"databases_egress": {"default": {"address": "10.0.0.9", "port": 7200}}}
    kubernetes = CONFIG.kubernetes.model_dump() | egress
    config = CONFIG.model_validate(CONFIG.model_dump() | {"kubernetes": kubernetes})
    spec = build_spec(request_for("default", "sheets"), config, INPUT, TOKEN)
    assert spec.services == ("default",)
    assert spec.databases == ("default", "sheets")
    assert [m.path for m in spec.mounts if m.source is MountSource.DATABASE] == [
        "/mnt/default.csv",
        "/mnt/sheets.xlsx",
    ]
    assert dict(spec.environment)["DEFAULT_DATABASE_URI"] == encode("/mnt/default.csv")
    check_admission(spec, config)
    labels = build_job(spec, config, "10.0.0.1", 10001)["spec"]["template"]["metadata"]["labels"]
    assert labels[reaches_label("default")] == "true"
    assert reaches_label("sheets") not in labels
