"""``node_extra_mounts``: the forms of a mount."""

import pytest

from node_poc.config.errors import ConfigError
from node_poc.config.extra_mounts import ExtraMount
from node_poc.config.load import parse_config

FILE = "api_key: a\nserver_url: https://server.example\ntask_dir: /tasks\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/a:/b", ExtraMount("folder", "/a", "/b", read_only=False)),
        ("/a:/b:z,ro", ExtraMount("folder", "/a", "/b", read_only=True)),
        ("secret/site-ca:/b", ExtraMount("secret", "site-ca", "/b", read_only=True)),
        ("configmap/a.b:/b:ro", ExtraMount("configmap", "a.b", "/b", read_only=True)),
        ("a-docker-volume:/b", None),
        ("secret/a:/b:rw", None),
        ("secret/A:/b", None),
        (7, None),
    ],
)
def test_a_mount_is_a_path_of_the_machine_or_an_object(text, found):
    assert ExtraMount.parse(text) == found


@pytest.mark.parametrize(
    "text",
    ["secret/Site:/b", "secrets/a:/b", "configMap/a:/b", "cm/a:/b", "secret/a:b", "secret/a/k:/b"],
)
def test_an_object_that_is_named_otherwise_is_an_error(text):
    with pytest.raises(ConfigError, match=r"node_extra_mounts\[0\]: must be secret/NAME:/target"):
        parse_config(f"{FILE}node_extra_mounts: ['{text}']\n", {})


def test_a_named_volume_of_docker_is_told():
    (told,) = parse_config(f"{FILE}node_extra_mounts: ['volume:/b']\n", {}).not_applied
    assert told.key == "node_extra_mounts[0]"
    assert "secret/NAME:/target" in told.reason
