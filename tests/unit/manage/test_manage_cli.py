"""Arguments in, exit codes out; each command explains itself."""

import argparse
import json
from pathlib import Path

import pytest

import node_poc
from node_poc.manage.arguments import make_parser
from node_poc.manage.cli import main
from node_poc.manage.overview import short_image
from node_poc.manage.view import serious_lines

PAGE = Path(node_poc.__file__).parents[1] / "docs/command.md"
# vantage6-cli 4.x, `v6 node --help`
OF_VANTAGE6 = {
    *("attach", "clean", "create-private-key", "files", "list", "new", "remove", "restart"),
    *("set-api-key", "start", "stop", "version"),
}


def subcommands(parser):
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


COMMANDS = dict(subcommands(make_parser()))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


def test_every_command_of_vantage6_is_there():
    assert set(COMMANDS) >= OF_VANTAGE6


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_an_example_exit_codes_and_a_place_on_the_page(name):
    parsers = list(subcommands(COMMANDS[name])) or [(name, COMMANDS[name])]
    for _, parser in parsers:
        text = parser.format_help()
        assert f"example:\n  v6-node {name}" in text
        assert "exit codes:" in text
    assert f"`{name}" in PAGE.read_text()


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["start", "--name", "none"], ["start", "--name", "../x"], ["set-api-key"]],
    ids=" ".join,
)
def test_a_missing_file_is_wrong_usage(arguments, capsys, monkeypatch):
    monkeypatch.setenv("V6_API_KEY", "0a0b21aa-66f0-40b2")
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_without_a_cluster_the_code_is_4_and_the_remedy_a_context(capsys):
    assert main(["list"]) == 4
    assert "--context" in capsys.readouterr().err


def test_only_serious_lines_of_a_log_are_told():
    lines = [
        json.dumps({"event": "connected", "level": "info"}),
        json.dumps({"event": "refused", "level": "error", "timestamp": "t", "reason": "key"}),
        "error: node_config.yaml: port: must be a number",
        "a line of a library",
    ]
    assert list(serious_lines(lines)) == [
        "error: refused (reason: key)",
        "error: node_config.yaml: port: must be a number",
    ]


@pytest.mark.parametrize(
    ("image", "shown"),
    [
        ("r.example:5001/node:1.2", "1.2"),
        ("r.example:5001/node", "latest"),
        ("r/node@sha256:0123456789abcdef", "sha256:0123456789ab"),
    ],
)
def test_an_image_is_shown_by_its_tag_or_digest(image, shown):
    assert short_image(image) == shown
