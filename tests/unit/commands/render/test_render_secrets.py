"""Secrets in rendered objects: the configuration, the private key, the logins."""

import json

import pytest
from rendered import KEY, TEXT, only, pod_of

from node_poc.cli import main
from node_poc.commands.render import RenderError, render
from node_poc.config.load import load_config, parse_config
from tests.unit.crypto.conftest import VECTORS


def test_the_node_reads_its_file_from_a_secret(station):
    objects = station()
    pod = pod_of(objects, "node")
    (container,) = pod["containers"]
    secret = only(objects, "Secret", "-config")
    (volume,) = [v for v in pod["volumes"] if v["name"] == "config"]
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == "config"]
    assert volume["secret"]["secretName"] == secret["metadata"]["name"]
    variables = {each["name"]: each.get("value") for each in container["env"]}
    assert variables["V6_NODE_CONFIG"] == f"{mount['mountPath']}/node_config.yaml"
    text = secret["stringData"]["node_config.yaml"]
    assert parse_config(text, variables | {"V6_API_KEY": ""}).api_key in TEXT


def test_secrets_stand_in_secrets_only(station):
    for each in station():
        if each["kind"] != "Secret":
            written = json.dumps(each)
            for secret in ("hidden-words", KEY.splitlines()[1], "95e0a1b2"):
                assert secret not in written


def test_the_proxy_gets_the_private_key_and_no_other_secret(station):
    objects = station()
    pod = pod_of(objects, "proxy")
    secrets = [v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v]
    assert secrets == [only(objects, "Secret", "-private-key")["metadata"]["name"]]
    assert pod["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod


def test_variables_that_override_the_file_go_with_it(station):
    environment = {"V6_API_KEY": "other", "DEFAULT_DATABASE_URI": "/srv/data/b.csv", "X": "y"}
    objects = station(environment=environment)
    secret = only(objects, "Secret", "-config")
    held = {key: v for key, v in secret["stringData"].items() if key != "node_config.yaml"}
    assert held == {"V6_API_KEY": "other", "DEFAULT_DATABASE_URI": "/srv/data/b.csv"}
    (container,) = pod_of(objects, "node")["containers"]
    references = {
        each["name"]: each["valueFrom"]["secretKeyRef"]
        for each in container["env"]
        if "secretKeyRef" in each.get("valueFrom", {})
    }
    own = {name: r for name, r in references.items() if r["name"] == secret["metadata"]["name"]}
    assert set(own) == set(held)


def test_an_api_key_of_a_file_goes_with_it(station, tmp_path):
    (tmp_path / "key").write_text("other\n")
    objects = station(environment={"V6_API_KEY_FILE": str(tmp_path / "key")})
    assert only(objects, "Secret", "-config")["stringData"]["V6_API_KEY"] == "other"


def test_without_encryption_there_is_no_key(station):
    objects = station(TEXT.replace("enabled: true\n  private_key", "enabled: false\n  private_key"))
    assert not [o for o in objects if o["metadata"]["name"].endswith("-private-key")]
    assert "private-key" not in {v["name"] for v in pod_of(objects, "proxy")["volumes"]}


def test_a_missing_private_key_is_told(tmp_path):
    path = tmp_path / "node.yaml"
    path.write_text(TEXT.replace("/etc/vantage6/private_key.pem", "none.pem"))
    with pytest.raises(RenderError, match=r"^encryption\.private_key: .*none\.pem.*create-private"):
        render("vantage6", load_config(path, {}), path)


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ("", "is empty"),
        ("server_url: https://server.example\n", "not a readable private key"),
        (VECTORS["public_key"], "not a readable private key"),
        ("-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n", "is a public key"),
    ],
)
def test_a_file_that_holds_no_private_key_is_refused(station, tmp_path, capsys, held, told):
    station()
    (tmp_path / "private_key.pem").write_text(held)
    for words in (["render", "vantage6"], ["check"]):
        assert main([*words, "--config", str(tmp_path / "node.yaml")]) == 2
        printed = capsys.readouterr()
        assert "error: encryption.private_key: " in printed.err
        assert told in printed.err
        assert "BEGIN" not in printed.out
        assert "good" not in printed.out


def test_a_keys_secret_holds_nothing_else_of_its_file(station, tmp_path):
    station()
    (tmp_path / "private_key.pem").write_text(f"a password of ours\n{KEY}")
    path = tmp_path / "node.yaml"
    assert "a password of ours" not in render("vantage6", load_config(path, {}), path)
    assert only(station(), "Secret", "-private-key")["stringData"] == {"private_key.pem": KEY}


def test_the_secret_of_databases_alone(station):
    (secret,) = station(what="database-secrets")
    assert secret == only(station(), "Secret", "-databases")


def test_a_login_of_a_registry_goes_with_the_node(station):
    objects = station()
    (secret,) = station(what="pull-secret")
    assert secret in objects
    for part in ("node", "proxy"):
        assert pod_of(objects, part)["imagePullSecrets"] == [{"name": secret["metadata"]["name"]}]
