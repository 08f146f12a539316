"""A file of vantage6 3.x gets one message that lists every step of the conversion."""

import pytest
import yaml

from node_poc.config.load import ConfigError, parse_config
from node_poc.config.old_layout import why_old

OLD = """\
application:
  api_key: 11111111-2222-3333-4444-555555555555
  databases:
    default: /srv/data/patients.csv
    second: /srv/data/others.csv
  encryption: {enabled: false, private_key: ''}
  allowed_images:
    - ^registry\\.example\\.org/demo/[a-z]+
  port: '443'
  server_url: https://server.example.org
  task_dir: /srv/v6/tasks
environments: {acc: {}, dev: {}, prod: {}, test: {}}
"""
FLAT = """\
api_key: 11111111-2222-3333-4444-555555555555
databases: {default: /srv/data/patients.csv}
port: '5000'
server_url: server.example.org
task_dir: tasks
"""


def told(text):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, {})
    for secret in ("11111111", "patients", "registry"):
        assert secret not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (
            OLD,
            [
                "(1) application: move each key below it to the top level",
                "(2) environments: remove it",
                "(3) databases: write a list",
                "{label: default, type: csv, uri: <its path>}, {label: second,",
                "(4) allowed_images: is called policies.allowed_algorithms now",
            ],
        ),
        (
            FLAT,
            [
                "(1) databases: write a list",
                "(2) server_url: write https:// (or http://) before the host",
                "(3) task_dir: write its absolute path",
            ],
        ),
        (
            "application: {}\nenvironments: {dev: {}, prod: {api_key: a}}\n",
            [
                "(1) environments.prod: move each key",
                "server_url: is missing",
                "task_dir: is missi",
            ],
        ),
        (FLAT.replace("databases: {", "allowed_images: [a]\nx: {"), ["(1) allowed_images: "]),
    ],
)
def test_each_step_is_told(text, steps):
    text = told(text)
    assert text.startswith("this is a file of vantage6 3.x; to mend it: (1) ")
    for step in steps:
        assert step in text


def test_a_file_that_is_mended_so_is_good():
    values = yaml.safe_load(OLD)["application"]
    values["policies"] = {"allowed_algorithms": values.pop("allowed_images")}
    values["databases"] = [
        {"label": label, "type": "csv", "uri": path} for label, path in values["databases"].items()
    ]
    assert parse_config(yaml.safe_dump(values), {}).server_address.endswith(":443")


@pytest.mark.parametrize("data", [{}, {"databases": []}, {"server_url": "a"}, {"databases": None}])
def test_a_file_of_4x_is_none_of_them(data):
    assert why_old(data) is None
