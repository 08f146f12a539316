"""The environment of a vantage6 algorithm: each variable, all files and mounts."""

import json
from dataclasses import replace

import pytest

from node_poc.config.load import parse_config
from node_poc.protocol.vantage6.incoming.container_contract import build_spec
from node_poc.protocol.vantage6.run_request import DatabaseRequest
from node_poc.runs.admission import check_admission
from node_poc.runs.model import MountSource
from tests.unit.protocol.vantage6.incoming.container_contract.specs import (
    ALGORITHM_ENV,
    ALWAYS,
    CONFIG,
    INPUT,
    TEXT,
    TOKEN,
    WITH_NAMES,
    made,
    request_for,
    seen,
)


def test_names_of_the_whitelist_are_reached_by_squid_and_all_else_directly():
    config = parse_config(WITH_NAMES.replace("run_context_file: true", ""), {})
    variables = seen(made("triples", config=config), config)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        assert variables[name] == "http://squid:3128"
    direct = "localhost,127.0.0.1,proxyserver,192.0.2.7,triples.example"
    assert variables["NO_PROXY"] == variables["no_proxy"] == direct


def test_without_names_no_variable_tells_of_a_proxy():
    assert not [name for name in seen(made("triples")) if "PROXY" in name.upper()]


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
        "init_user_id": "8",
        "method": "average",
        "server": CONFIG.server_address,
        "created_at": created_at,
        "assigned_at": assigned_at,
    }
    assert dict(made().origin)["parent_id"] == ""


@pytest.mark.parametrize(
    "input_bytes",
    [
        b'{"method": "mean of patient 7"}',
        b'{"method": ["average"]}',
        b'{"method": "' + b"a" * 101 + b'"}',
        b'{"method": "average", "args": "' + b"a" * 1024 * 1024 + b'"}',
        b"no json",
        b"[]",
    ],
    ids=range(6),
)
def test_only_a_plain_name_of_a_method_is_kept(input_bytes):
    """Another text may be data, and the audit trail must not hold data."""
    assert "method" not in dict(build_spec(request_for(), CONFIG, input_bytes, TOKEN).origin)


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
