"""The dummy node's file in its ConfigMap: every text unchanged, and never a secret."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from node_poc.config.kinds.registry import KINDS
from node_poc.manifests.config_map import build_config_map, why_no_config_map


def held(text):
    return yaml.safe_load(build_config_map("v6-jobs", text))["data"]["node_config.yaml"]


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: 2\n",
        "  a: 1\n  b: 2\n",
        "\n\n    # a comment\n  a: 1\n",
        "    # deeper than what follows\na: 1\n",
        "a: 1\r\nb: 2\r\n",
        "a: 'x\u2028y'\nb: 1\n",
        "a: 1\n   \nb: 2\n",
        "\ta: 1\n",
    ],
)
def test_any_first_line_and_line_end(text):
    assert held(text).rstrip("\n") == text.rstrip("\n")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_reads_back(text):
    assert held(text).rstrip("\n") == text.rstrip("\n")


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"api_key": "hidden"}, "api_key"),
        ({"databases": [{"env": {"PASSWORD": "hidden"}}]}, "databases[0].env.PASSWORD"),
        ({"algorithm_env": {"db_token": "hidden"}}, "algorithm_env.db_token"),
        ({"node_extra_env": {"X": "http://me:hidden@proxy"}}, "node_extra_env.X"),
        ({"docker_registries": [{"password": "hidden"}]}, "docker_registries"),
    ],
)
def test_a_secret_is_refused_by_its_path(data, path):
    told = why_no_config_map(KINDS["dummy"], data)
    assert told.startswith(f"{path}: ")
    assert "hidden" not in told


@pytest.mark.parametrize(
    "data",
    [
        {"api_key": None},
        {"kubernetes": {"image_pull_secrets": ["mine"], "docker_config_file": "/a"}},
        {"encryption": {"private_key": "key.pem"}},
        {"node_extra_env": {"TZ": "Europe/Amsterdam", "X": "http://proxy:3128"}},
    ],
)
def test_what_is_no_secret_is_fine(data):
    assert why_no_config_map(KINDS["dummy"], data) is None
