"""A new file: what is asked, refused, written, and taken back after a failure."""

import argparse
import os
import stat

import pytest
import yaml

from node_poc.manage import key, new, questions
from node_poc.manage.new import Answers, database_of, key_path, values_of
from node_poc.manage.session import CommandError, Options
from node_poc.manifests import identity
from node_poc.protocol.adapter import LookUpError, NodeFacts

ANSWERS = Answers(
    api_key="0a0b21aa-66f0-40b2-ac04-3714d6f19ba7",
    server_url="https://server.example",
    port=443,
    api_path="/api",
    task_dir="/srv/v6/tasks",
    databases=("default=csv:/srv/v6/a.csv",),
    image="registry.example/node:1",
)


@pytest.fixture
def options(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return Options(name="hospital-a")


def answer(monkeypatch, *, encrypted=False, has_public_key=False):
    facts = NodeFacts("4.15.2", "n", "Hospital A/B", "study", encrypted, has_public_key)
    monkeypatch.setattr(new, "node_facts", lambda *_: facts)


def files(options):
    return sorted(path.name for path in options.place.folder.glob("*"))


def test_the_file_is_for_its_owner_only_and_loads(options, monkeypatch):
    answer(monkeypatch)
    assert new.new(options, ANSWERS) == 0
    path = options.file()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = options.chosen().config
    assert (config.api_key, config.port) == (ANSWERS.api_key, 443)
    assert config.kubernetes.namespace == "v6-hospital-a"
    assert config.databases[0].uri == "/srv/v6/a.csv"


def test_an_existing_name_is_refused_and_stays(options, monkeypatch):
    answer(monkeypatch)
    new.new(options, ANSWERS)
    before = options.file().read_text()
    with pytest.raises(CommandError, match="is there already"):
        new.new(options, ANSWERS)
    assert options.file().read_text() == before


def test_an_encrypted_collaboration_gets_a_key_of_mode_600(options, monkeypatch):
    answer(monkeypatch, encrypted=True)
    new.new(options, ANSWERS)
    assert files(options) == ["hospital-a.yaml", "privkey_Hospital_A_B.pem"]
    path = options.place.folder / "privkey_Hospital_A_B.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = options.chosen().config
    assert (config.encryption.enabled, config.encryption.private_key) == (True, str(path))


def test_no_second_key_is_made_for_an_organization(options, monkeypatch):
    answer(monkeypatch, encrypted=True, has_public_key=True)
    with pytest.raises(CommandError, match="--private-key FILE"):
        new.new(options, ANSWERS)
    assert files(options) == []


def test_nothing_is_left_of_a_file_that_the_server_refuses(options, monkeypatch):
    def refuse(*_):
        raise LookUpError("api_key: not known", is_refused=True)

    monkeypatch.setattr(new, "node_facts", refuse)
    with pytest.raises(CommandError, match="api_key: not known"):
        new.new(options, ANSWERS)
    assert files(options) == []


def test_claims_take_the_place_of_folders():
    values = values_of(Answers("k", "u", 1, "", "/t", claims=("runs", "data")), "n", "space")
    assert values["kubernetes"]["storage"] == {
        "mode": "pvc",
        "claim": "runs",
        "databases_claim": "data",
    }
    assert values["kubernetes"]["namespace"] == "space"


def test_a_database_has_label_type_and_uri():
    assert database_of("w=sql:postgresql://u:p@h/d") == {
        "label": "w",
        "type": "sql",
        "uri": "postgresql://u:p@h/d",
    }
    with pytest.raises(CommandError, match="LABEL=TYPE:URI"):
        database_of("/srv/a.csv")


def test_without_a_terminal_a_missing_answer_names_its_option(options, monkeypatch):
    parser = argparse.ArgumentParser()
    questions.add_arguments(parser)
    monkeypatch.setenv("V6_API_KEY", "k")
    with open(os.devnull) as nothing:  # noqa: PTH123  a terminal's opposite
        monkeypatch.setattr("sys.stdin", nothing)
        with pytest.raises(CommandError, match="--server-url"):
            questions.make_new(parser.parse_args([]), options)


def test_the_key_at_the_server_is_replaced_only_if_somebody_agrees(tmp_path):
    path = key_path(tmp_path, "hospital")
    known = {"id": 1, "name": "hospital", "public_key": "another"}
    with pytest.raises(CommandError, match="another public key"):
        key._refuse_other_key(path, known, overwrite=False)
    key._refuse_other_key(path, known, overwrite=True)
    key._refuse_other_key(path, known | {"public_key": ""}, overwrite=False)
    text = key._make(path, overwrite=False)
    key._refuse_other_key(path, known | {"public_key": text}, overwrite=False)


def test_the_key_is_named_in_the_file_and_nothing_else_changes(options, monkeypatch):
    answer(monkeypatch)
    new.new(options, ANSWERS)
    before = yaml.safe_load(options.file().read_text())
    more = key.KeyOptions(upload=False, organization="hospital")
    assert key.create_key(options, more) == 0
    after = yaml.safe_load(options.file().read_text())
    assert after.pop("encryption")["enabled"] is True
    assert after == {name: value for name, value in before.items() if name != "encryption"}


def test_only_jobs_whose_results_are_delivered_are_cleaned():
    marked = {"metadata": {"annotations": {identity.ANNOTATION_DELIVERED: "true"}}}
    assert identity.is_delivered(marked["metadata"])
    assert not identity.is_delivered({})


def test_claims_with_sizes_are_made_by_start():
    answers = Answers(
        *("k", "u", 1, "", "/t"),
        claims=("runs", "data"),
        claim_sizes=("50Gi", "10Gi"),
        storage_class="fast",
        access_mode="ReadWriteOnce",
    )
    storage = values_of(answers, "n", "space")["kubernetes"]["storage"]
    assert (storage["size"], storage["databases_size"]) == ("50Gi", "10Gi")
    assert storage["storage_class"] == "fast"
    assert storage["access_mode"] == "ReadWriteOnce"
