"""YAML of Kubernetes objects: a text stays a text for every reader."""

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from node_poc.manifests.yaml_output import to_yaml

# What go-yaml, the reader of kubectl, takes for a number (``resolve.go``).
GO_NUMBER = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+"
)


@pytest.mark.parametrize(
    "text", ["12e34567", "1E5", "+1e5", "0o17", "0x1f", "1_000", "y", "N", "7"]
)
def test_texts_that_look_like_numbers_are_quoted(text):
    assert to_yaml([{"key": text}]) == f"key: '{text}'\n"


@given(st.text("0123456789abcdefox_.+-E", max_size=8))
def test_no_text_without_quotes_is_a_number_to_kubectl(text):
    written = to_yaml([{"key": text}])
    assert yaml.safe_load(written) == {"key": text}
    assert not GO_NUMBER.fullmatch(written.removeprefix("key: ").strip())


def test_repeated_values_are_written_in_full():
    labels = {"a": "b"}
    assert to_yaml([{"x": labels, "y": labels}]).count("a: b") == 2
