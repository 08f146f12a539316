"""The Job of a vantage6 run, and the Secret to which the Job refers."""

import json

from kubernetes.client import V1Job

from node_poc.manifests.databases import build_databases_secret, encode
from node_poc.manifests.identity import reaches_label
from node_poc.manifests.job import build_job
from node_poc.protocol.vantage6.incoming.container_contract import build_spec
from node_poc.protocol.vantage6.run_request import DatabaseRequest
from node_poc.runs.admission import check_admission
from node_poc.runs.model import MountSource
from tests.unit.protocol.vantage6.incoming.container_contract.specs import (
    ALGORITHM_ENV,
    CONFIG,
    INPUT,
    TESTS,
    TOKEN,
    made,
    request_for,
)

GOLDEN = TESTS / "golden/job_vantage6.json"


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
