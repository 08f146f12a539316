import base64
import json

import pytest

from node_poc.manifests.job import build_job
from node_poc.manifests.pull_secret import LoginFileError, build_pull_secret, pull_secret_names
from tests.fakes.examples import config, spec

LOGIN = {"registry": "harbor.example:5000", "username": "me", "password": "s3cret:x"}
FILE = json.dumps({"auths": {"other.example": {"auth": "bWU6eA=="}}})


def with_logins(*logins, **kubernetes):
    data = config(**kubernetes).model_dump() | {"docker_registries": list(logins)}
    return config().model_validate(data)


def logins_in(secret):
    return json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"]


def test_logins_of_the_configuration_become_one_secret():
    secret = build_pull_secret(with_logins(LOGIN), None)
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    assert secret["metadata"]["namespace"] == "v6-jobs"
    auth = logins_in(secret)["harbor.example:5000"]["auth"]
    assert base64.b64decode(auth) == b"me:s3cret:x"


def test_a_login_file_is_taken_as_well():
    assert set(logins_in(build_pull_secret(with_logins(LOGIN), FILE))) == {
        "harbor.example:5000",
        "other.example",
    }


@pytest.mark.parametrize(
    ("written", "known_as"),
    [
        ("docker.io", "https://index.docker.io/v1/"),
        ("https://harbor.example/", "harbor.example"),
    ],
)
def test_a_registry_is_named_as_login_files_name_it(written, known_as):
    made = with_logins(LOGIN | {"registry": written})
    assert set(logins_in(build_pull_secret(made, None))) == {known_as}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("no json", "podman login"),
        ("[]", '"auths"'),
        ('{"auths": 5}', '"auths"'),
        ('{"auths": {"a.example": {}}, "credsStore": "desktop"}', "a.example"),
    ],
)
def test_a_file_without_logins_is_refused_with_a_remedy(text, word):
    with pytest.raises(LoginFileError, match=word):
        build_pull_secret(with_logins(), text)


def test_each_job_refers_to_it_and_to_those_of_the_site():
    made = with_logins(image_pull_secrets=["site-key"], docker_config_file="/srv/v6/login.json")
    secret = build_pull_secret(made, FILE)["metadata"]["name"]
    assert pull_secret_names(made) == ["site-key", secret]
    pod = build_job(spec(), made, None, 7)["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": "site-key"}, {"name": secret}]


def test_without_logins_no_job_refers_to_a_secret():
    assert pull_secret_names(config()) == []


def test_a_password_is_not_shown():
    assert "s3cret" not in repr(with_logins(LOGIN))
