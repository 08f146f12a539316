"""No value of a secret leaves the file, except into the Secrets that `export secrets` prints."""

import base64

import pytest
import yaml

from node_poc.manage.export.parts import parts_of
from node_poc.manage.station_file import choose
from tests.unit.crypto.conftest import VECTORS
from tests.unit.manage.export.exported import API_KEY, export, texts, write

SERVICE = {"label": "w", "uri": "postgresql://u:hidden-words@192.0.2.7:5432/x", "type": "sql"}
FOLDER = {"label": "d", "uri": "/d/pictures", "type": "folder"}
LOGIN = {"registry": "r.example", "username": "u", "password": "hidden-words"}
CLOSED = {
    "service": {"databases": [SERVICE]},
    "registry": {"docker_registries": [LOGIN]},
    "outer proxy": {"node_extra_env": {"HTTPS_PROXY": "http://u:hidden-words@p.example"}},
    "variables": {"algorithm_env": {"player": "hidden-words"}},
    "parameters": {
        "databases": [
            {"label": "d", "uri": "/d/a.csv", "type": "csv", "env": {"x": "hidden-words"}}
        ]
    },
}


def parts(path, environment=None):
    return parts_of(choose(path, environment=environment or {}), environment or {})


def names(made):
    return {each["metadata"]["name"].removeprefix("hospital-a-18276cb8") for each in made.secrets}


def test_a_file_without_other_secrets_stays_readable(tmp_path):
    path = write(tmp_path)
    path.write_text("# a comment with hidden-words\n" + path.read_text())
    made = parts(path)
    assert names(made) == {"-api-key"}
    (secret,) = made.secrets
    assert base64.b64decode(secret["data"]["V6_API_KEY"]).decode() == API_KEY
    (file,) = (each for each in made.objects if each["metadata"]["name"].endswith("-config"))
    text = file["stringData"]["node_config.yaml"]
    assert "api_key" not in yaml.safe_load(text)
    assert "hidden-words" not in str(made.objects)


@pytest.mark.parametrize("name", CLOSED)
def test_a_file_with_other_secrets_becomes_a_secret_as_a_whole(name, tmp_path):
    made = parts(write(tmp_path, **CLOSED[name]))
    assert "-config" in names(made)
    assert "-api-key" not in names(made)
    assert API_KEY not in str(made.objects)
    assert "hidden-words" not in str(made.objects)


def test_a_uri_from_the_environment_is_a_secret(tmp_path):
    given = {"DEFAULT_DATABASE_URI": "/srv/v6/other.csv"}
    assert "-config" in names(parts(write(tmp_path), given))


@pytest.mark.parametrize("name", [*CLOSED, "open", "encrypted"])
def test_no_file_holds_a_secret(name, tmp_path):
    (tmp_path / "key.pem").write_text(VECTORS["private_key"])
    changed = CLOSED.get(name, {})
    if name == "encrypted":
        changed = {"encryption": {"enabled": True, "private_key": "key.pem"}}
    path, out = write(tmp_path, **changed), tmp_path / "out"
    for kind in ("helm", "kustomize"):
        export(kind, "--config", str(path), "--out", str(out / kind))
    written = "".join(texts(out).values())
    for secret in (API_KEY, "hidden-words", "PRIVATE KEY---"):
        for form in (secret, base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]):
            assert form not in written
    assert written.count("kind: Deployment") == 4


def test_the_namespace_belongs_to_the_site(tmp_path):
    (made,) = (each for each in parts(write(tmp_path)).objects if each["kind"] == "Namespace")
    assert "annotations" not in made["metadata"]  # `v6-node remove` would remove the namespace
