"""The Secret with the variables for algorithms: encoded, except for a user's home and name."""

import base64
import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.config.load import parse_config
from node_poc.manifests.databases import build_databases_secret

FILE = "api_key: k\nserver_url: https://s\ntask_dir: /tasks\nkubernetes: {node_name: n}\n"


def texts(**variables):
    config = parse_config(FILE, {}).model_copy(update={"algorithm_env": variables})
    return build_databases_secret(config)["stringData"]


def as_tools_read(text):
    """Return the value that vantage6's tools (get_env_var) read from a variable."""
    try:
        return base64.b32decode(text.replace("!", "=").encode()).decode()
    except binascii.Error:
        return text


def test_a_home_is_readable_before_the_tools_have_decoded_anything():
    assert texts(HOME="/srv/home")["algorithm-env.HOME"] == "/srv/home"
    assert texts(USER="alice")["algorithm-env.USER"] == "alice"


def test_others_are_encoded():
    assert texts(player="/srv/home")["algorithm-env.player"] == "F5ZXE5RPNBXW2ZI!"


@pytest.mark.parametrize("name", ["HOME", "USER", "LOGNAME", "player"])
@given(value=st.text(st.characters(exclude_categories=("Cs",))) | st.text("ABC234=!"))
def test_the_tools_always_read_what_the_site_has_written(name, value):
    assert as_tools_read(texts(**{name: value})[f"algorithm-env.{name}"]) == value
