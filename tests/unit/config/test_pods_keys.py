"""The keys of ``kubernetes.pods``."""

import pytest
import yaml
from pydantic import ValidationError

from node_poc.config.load import parse_config
from node_poc.config.pods import Pods, RuntimeClassRule

FILE = {"server_url": "http://127.0.0.1", "task_dir": "/tasks"}


@pytest.mark.parametrize(
    ("text", "choice"), [("on", "on"), ("off", "off"), ("auto", "auto"), ("'on'", "on")]
)
def test_a_choice_may_be_written_with_and_without_quotes(text, choice):
    """YAML reads on and off as booleans."""
    pods = f"kubernetes: {{pods: {{recursive_read_only: {text}}}, walls: {{gate: {text}}}}}\n"
    settings = parse_config(yaml.safe_dump(FILE) + pods, {}).kubernetes
    assert (settings.pods.recursive_read_only, settings.walls.gate) == (choice, choice)


def test_another_word_is_refused():
    with pytest.raises(ValidationError, match="recursive_read_only"):
        Pods(recursive_read_only="always")


def test_rules_for_runtime_classes_are_checked():
    assert RuntimeClassRule(images="^ghcr.io/", runtime_class="gvisor").runtime_class == "gvisor"
    with pytest.raises(ValidationError, match="no regular expression"):
        RuntimeClassRule(images="(", runtime_class="gvisor")
    with pytest.raises(ValidationError, match="runtime_class"):
        RuntimeClassRule(images=".*", runtime_class="Not A Name")
