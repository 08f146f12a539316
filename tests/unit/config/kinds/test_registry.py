"""The kind of a file, and the description of each kind."""

import pytest

from node_poc.config.kinds.registry import KINDS, kind_of, known_name
from node_poc.config.load import ConfigError, parse_config
from node_poc.protocol.adapter import Adapter, load_adapter

HEAD = "server_url: https://server.example\ntask_dir: /tasks\n"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "dummy"),
        ({"api_key": ""}, "dummy"),
        ({"api_key": "a"}, "vantage6"),
        ({"kubernetes": None}, "dummy"),
        ({"kubernetes": {"server_kind": None}, "api_key": "a"}, "vantage6"),
        ({"kubernetes": {"server_kind": "dummy"}, "api_key": "a"}, "dummy"),
        ({"kubernetes": {"server_kind": "vantage6"}}, "vantage6"),
        ({"kubernetes": ["no", "section"]}, "dummy"),
    ],
)
def test_a_file_has_a_kind(values, name):
    assert kind_of(values) is KINDS[name]


@pytest.mark.parametrize("wrong", ["other", "Dummy", "", 7, ["dummy"], {"dummy": 1}])
def test_an_unknown_kind_is_none_and_an_error(wrong):
    assert kind_of({"kubernetes": {"server_kind": wrong}}) is None
    with pytest.raises(ConfigError, match=r"^kubernetes\.server_kind: "):
        parse_config(f"{HEAD}kubernetes: {{server_kind: {wrong!r}}}\n", {})


def test_the_error_names_the_kinds():
    with pytest.raises(ValueError, match="must be 'dummy' or 'vantage6'"):
        known_name("other")


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_registered_by_its_own_name_and_has_an_adapter(name):
    assert KINDS[name].name == name
    assert isinstance(load_adapter(KINDS[name]), Adapter)
